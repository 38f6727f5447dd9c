"""A pytest plugin that gives the hub one more dialect: the folder that TOY_DIALECTS names holds it.

TOY_DIALECTS=folder pytest -p tests.support.toy tests/conformance
"""

import os

import orderhub.dialects

orderhub.dialects.__path__.append(os.environ["TOY_DIALECTS"])
