"""What messages look like is said in core, since dialects say it too."""

from orderhub.core.webhook_formats import Format as Format  # noqa: PLC0414
from orderhub.core.webhook_formats import Message as Message  # noqa: PLC0414
from orderhub.core.webhook_formats import Terms as Terms  # noqa: PLC0414
from orderhub.core.webhook_formats import Told as Told  # noqa: PLC0414
