"""Batch uploads: a place to put the file, the file, and what became of its rows.

The file is kept on disk until its size and checksum are right, and its rows are all done before
the upload is answered: an answered upload is durable, row by row.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import secrets
import tempfile
from contextlib import suppress
from typing import IO, Any

import msgspec

from orderhub.core.access import Credential
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Fault,
    FaultKind,
    HTTPFault,
    WireFault,
    invalid,
)
from orderhub.dialects.pausing import pausing
from orderhub.dialects.sitecore_cdp import wire
from orderhub.dialects.sitecore_cdp.access import NAME, caller_of
from orderhub.dialects.sitecore_cdp.batch_file import BadFile, Lines
from orderhub.dialects.sitecore_cdp.batch_load import PART, Load, side_by_side
from orderhub.dialects.sitecore_cdp.batch_rows import Result, Row, parse
from orderhub.dialects.sitecore_cdp.paging import collection
from orderhub.dialects.sitecore_cdp.refs import is_uuid
from orderhub.dialects.sitecore_cdp.repeats import detached
from orderhub.dialects.sitecore_cdp.times import second_text

BATCH = "sitecore_cdp.batch"
BATCH_ROWS = "sitecore_cdp.batch_rows"  # results, CHUNK rows to a record

CHUNK = 256
VALID_US = 3_600_000_000
# A load that has not moved for so long died with its process: the file may be put again.
STALE_US = 60_000_000
MAX_LOG_ROWS = 10_000
DONE = frozenset({"success", "error"})
_LOOK_EVERY_S = 0.2
_DONE = Answer(200, b"")
_SPOOLED_BYTES = 1_048_576


# --- the place


async def allocate(call: Call) -> Answer:
    """PUT /v2/batches/{ref} with `{checksum, size}` -> the place to upload to, valid one hour.

    Asked again with the same content before all is done, it is allocated afresh: what an upload
    that broke off had done stays done.
    """
    caller = await caller_of(call)
    ref = _ref(call)
    request = wire.CDP.read(wire.BatchRequest, wire.json_body(call))
    stored = await call.hub.read(lambda reads: reads.record(caller.tenant_id, BATCH, "uid", ref))
    announced = {"checksum": request.checksum, "size": request.size}
    fresh = {**announced, "status": "uploading", "total": 0, "failed": 0}
    if stored is not None:
        fresh = stored.doc
        same = announced.items() <= fresh.items() and fresh["status"] not in DONE
        if not same or _is_moving(call, stored):
            raise CommandRejected(
                Rejected(Reason.ALREADY_EXISTS, BATCH, "the batch ref was used before")
            )
    doc = {
        **fresh,
        "token": secrets.token_urlsafe(32),
        "expires_at": call.received_at + VALID_US,
        "moved_at": 0,
        "actor": caller.credential.id,
        "acts_as": caller.acts_as,
    }
    command = PutRecords(
        origin=call.origin(caller, call.body),
        changes=(_change(stored, doc, ref),),
        unique=((BATCH, "uid", ref),),
    )
    base = call.base_url
    tenant = caller.tenant_id
    return await call.respond(
        command,
        lambda accepted: Answer(200, encode(to_batch(accepted.records[0], base, tenant))),
    )


def _ref(call: Call) -> str:
    ref = call.params["ref"].lower()
    if not is_uuid(ref):
        raise invalid(WireFault("batchRef", "value", "must be a UUID."))
    return ref


def _is_moving(call: Call, record: Record) -> bool:
    """Whether an upload is doing its rows right now, as far as anyone can tell."""
    doc = record.doc
    return bool(doc["status"] == "processing" and call.hub.now_us() - doc["moved_at"] < STALE_US)


def _change(stored: Record | None, doc: dict[str, Any], ref: str) -> RecordChange:
    return RecordChange(
        kind=BATCH,
        id=0 if stored is None else stored.id,
        if_version=None if stored is None else stored.version,
        uid=ref,
        doc=doc,
    )


def to_batch(record: Record, base: str, tenant_id: int) -> dict[str, Any]:
    doc = record.doc
    href = f"{base}/v2/batches/{record.uid}"
    signed = f"tenant={tenant_id}&token={doc['token']}"
    status: dict[str, Any] = {"code": doc["status"]}
    if doc["failed"] or "reason" in doc:
        status["log"] = f"{href}/log?{signed}"
    if "reason" in doc:
        status["message"] = doc["reason"]
    return {
        "href": href,
        "ref": record.uid,
        "checksum": doc["checksum"],
        "size": doc["size"],
        "location": {
            "href": f"{href}/upload?{signed}",
            "expiry": second_text(doc["expires_at"]),
        },
        "status": status,
        "rows": {
            "href": f"{href}/rows",
            "total": doc["total"],
            "succeeded": doc["total"] - doc["failed"],
            "failed": doc["failed"],
        },
    }


async def _batch(call: Call, tenant_id: int) -> Record:
    ref = call.params["ref"].lower()
    found = None
    if is_uuid(ref):
        found = await call.hub.read(lambda reads: reads.record(tenant_id, BATCH, "uid", ref))
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, BATCH, f"no batch {ref[:64]}"))
    return found


async def _signed_batch(call: Call) -> Record:
    """The batch whose signed address was called: it needs no other credentials, as documented."""
    signed = wire.QUERY.read(wire.SignedAddress, call.query)
    tenant, token = signed.tenant, signed.token
    forbidden = HTTPFault(Fault(FaultKind.FORBIDDEN, "The address is not valid."))
    if not (tenant.isascii() and tenant.isdigit() and len(tenant) < 10 and token.isascii()):
        raise forbidden
    try:
        record = await _batch(call, int(tenant))
    except CommandRejected:
        raise forbidden from None
    if not hmac.compare_digest(str(record.doc["token"]), token):
        raise forbidden
    return record


# --- the file


async def upload(call: Call) -> Answer:
    """PUT the gzipped file to the allocated place -> an empty 200, once every row is done.

    The same file again is fine: it waits for an upload that is under way, goes on where one broke
    off, and finds nothing to do where all is done.
    """
    record = await _signed_batch(call)
    if call.hub.now_us() >= record.doc["expires_at"]:
        raise HTTPFault(Fault(FaultKind.FORBIDDEN, "The address has expired."))
    caller = _uploader(record)
    call.caller = caller
    try:
        with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as file:
            intact = await _receive(call, file, record.doc)
            if call.is_dry_run:
                return Answer(200, b"")  # what the real one says of any file, whole or not
            await _take_in(detached(call), caller, record, file, intact=intact)
    except OSError:
        message = "the file could not be kept: try again"
        raise HTTPFault(Fault(FaultKind.UNAVAILABLE, message, retry_after_s=10)) from None
    return Answer(200, b"")


async def _take_in(
    call: Call, caller: Caller, record: Record, file: IO[bytes], *, intact: bool
) -> None:
    """Do the rows of the file, unless another upload has done them meanwhile."""
    while True:
        while _is_moving(call, record):
            await asyncio.sleep(_LOOK_EVERY_S)
            record = await _reread(call, record)
        if record.doc["status"] in DONE:
            if not intact:
                raise CommandRejected(
                    Rejected(Reason.ALREADY_EXISTS, BATCH, "another file was uploaded")
                )
            return
        step = {"status": "processing", "begun": True} if intact else {"status": "corrupted"}
        after = await _write(call, caller, record, step)
        if after is not None:
            break
        record = await _reread(call, record)
    if not intact:
        return
    try:
        await _load(call, caller, after, file, again="begun" in record.doc)
    except Exception:
        # Whoever sends the file again need not wait until this upload counts as dead.
        with suppress(Exception):
            stopped = await _reread(call, record)
            await _write(call, caller, stopped, {"status": "uploading"})
        raise


async def _reread(call: Call, record: Record) -> Record:
    found = await call.hub.read(
        lambda reads: reads.record(record.tenant_id, BATCH, "uid", record.uid)
    )
    assert found is not None, "a batch is never removed"
    return found


def _uploader(record: Record) -> Caller:
    """Whoever allocated the place."""
    doc = record.doc
    credential = Credential(
        id=doc["actor"], kind=NAME, name="", tenant_id=record.tenant_id, scopes=("dialects",)
    )
    return Caller(credential=credential, tenant_id=record.tenant_id, acts_as=doc["acts_as"])


async def _receive(call: Call, file: IO[bytes], doc: dict[str, Any]) -> bool:
    """Keep the body; whether it is the file that was announced."""
    size = 0
    md5 = hashlib.md5(usedforsecurity=False)
    async for piece in call.stream():
        size += len(piece)
        md5.update(piece)
        file.write(piece)
    announced = call.header("content-md5")
    if announced and announced.strip() != base64.b64encode(md5.digest()).decode():
        raise invalid(WireFault("Content-MD5", "value", "is not the digest of the file."))
    return bool(size == doc["size"] and md5.hexdigest() == doc["checksum"])


async def _load(
    call: Call, caller: Caller, record: Record, file: IO[bytes], *, again: bool
) -> None:
    """Do the rows whose results are not kept yet. `again`: an earlier upload broke off."""
    settings = await call.hub.settings(caller.tenant_id)
    now = settings.clock.at(call.received_at)
    load = Load(call, caller, record.uid, now)
    file.seek(0)
    lines = Lines(file)
    first = record.doc["total"]
    await call.hub.blocking(_skip, lines, first)
    rows = await _rows(call, lines, now, 2 * CHUNK if again else PART)
    if again and not isinstance(rows, str):
        # The earlier upload was doing rows while the results of a chunk before were being kept:
        # all are looked at together, and nothing else is done until they are settled.
        settled = await load.do(rows, first, again=True)
        for start in range(0, len(settled), CHUNK):
            record = await _keep(call, caller, record, settled[start : start + CHUNK])
        first += len(settled)
        rows = await _rows(call, lines, now, PART) if settled else []
    done: list[Result] = []
    # While rows are being done, the next are read and the results of a chunk are kept. By few rows, and not by
    # chunks: whoever else calls has a turn between, and waits for no thread that reads at length.
    while not isinstance(rows, str) and (rows or done):
        whole = done if len(done) == CHUNK or not rows else []
        results, rows, record = await side_by_side(
            load.do(rows, first, again=False),
            _rows(call, lines, now, PART) if rows else _nothing(),
            _keep(call, caller, record, whole),
        )
        done = results if whole else done + results
        first += len(results)
    record = await _keep(call, caller, record, done)
    end: dict[str, Any] = {"status": "success"}
    if isinstance(rows, str):
        end = {"status": "error", "reason": rows}
    elif record.doc["failed"]:
        end = {"status": "error"}
    await _write(call, caller, record, end)


def _skip(lines: Lines, count: int) -> None:
    while count > 0:
        count -= len(lines.take(CHUNK))


async def _nothing() -> list[Row | Result]:
    return []


async def _rows(call: Call, lines: Lines, now: int, count: int) -> list[Row | Result] | str:
    """The next rows, none at the end; or why the file cannot be read any further."""
    try:
        return await call.hub.blocking(_parsed, lines, now, count)
    except BadFile as bad:
        return str(bad)


def _parsed(lines: Lines, now: int, count: int) -> list[Row | Result]:
    return [parse(line, now) for line in pausing(lines.take(count), every=8)]


async def _keep(call: Call, caller: Caller, record: Record, results: list[Result]) -> Record:
    """Keep the results of a chunk, in one commit with their count in the batch."""
    if not results:
        return record
    failed = sum(1 for each in results if each.code >= 300)
    total = record.doc["total"]
    keys = [("batch", record.uid)]
    if failed:
        keys.append(("failed", record.uid))
    kept = RecordChange(
        kind=BATCH_ROWS,
        code=f"{record.uid}:{total // CHUNK}",
        doc={"rows": [list(each) for each in results]},
        keys=tuple(keys),
    )
    counts = {"total": total + len(results), "failed": record.doc["failed"] + failed}
    after = await _write(call, caller, record, counts, kept)
    if after is None:
        raise CommandRejected(
            Rejected(Reason.ALREADY_EXISTS, BATCH, "the file is uploaded by another")
        )
    return after


async def _write(
    call: Call, caller: Caller, record: Record, members: dict[str, Any], *more: RecordChange
) -> Record | None:
    """The batch moved on; None = another upload of the same file moved it meanwhile."""
    doc = {**record.doc, "moved_at": call.hub.now_us(), **members}
    command = PutRecords(
        origin=call.origin(caller, b""), changes=(_change(record, doc, record.uid), *more)
    )
    outcome = await call.submit(command, lambda _accepted: _DONE, bulk=True)
    if outcome.accepted is None:
        return None
    return msgspec.structs.replace(record, doc=doc, version=record.version + 1)


# --- what became of it


async def get_batch(call: Call) -> Answer:
    """GET /v2/batches/{ref}: the status, and how many rows there were."""
    caller = await caller_of(call)
    record = await _batch(call, caller.tenant_id)
    return Answer(200, encode(to_batch(record, call.base_url, caller.tenant_id)))


async def get_log(call: Call) -> Answer:
    """GET status.log: one line `{"ref", "code", "message"}` for each row that failed."""
    record = await _signed_batch(call)

    def look(reads: Reads) -> list[bytes]:
        found: list[bytes] = []
        offset = 0
        while len(found) < MAX_LOG_ROWS:
            page = _rows_page(reads, record, "failed", offset, 10)
            for results in page:
                for row, code, message, _ref in results.doc["rows"]:
                    if code >= 300:
                        line = {"ref": row, "code": str(code), "message": message}
                        found.append(encode(line) + b"\n")
            if len(page) < 10:
                break
            offset += 10
        return found[:MAX_LOG_ROWS]

    lines = await call.hub.read(look)
    reason = record.doc.get("reason", "")
    if reason:
        lines.append(encode({"ref": record.uid, "code": "400", "message": reason}) + b"\n")
    log = b"".join(lines)
    headers = [("Vary", "Accept-Encoding")]
    if _takes_gzip(call):
        log = gzip.compress(log, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    return Answer(200, log, tuple(headers), media_type="application/x-ndjson")


def _takes_gzip(call: Call) -> bool:
    """Whoever does not say otherwise: the vendor's SDK for .NET unpacks the log without having asked for it."""
    said = call.header("accept-encoding").lower().replace(" ", "")
    codings = dict(each.partition(";q=")[::2] for each in said.split(",") if each)
    return codings.get("gzip", codings.get("*", "0" if codings else "")) not in {"0", "0.0"}


def _rows_page(
    reads: Reads, record: Record, by: str, offset: int, limit: int
) -> tuple[Record, ...]:
    query = RecordQuery(
        tenant_id=record.tenant_id,
        kind=BATCH_ROWS,
        by=by,
        values=(record.uid,),
        offset=offset,
        limit=limit,
    )
    return reads.records(query)


async def get_rows(call: Call) -> Answer:
    """GET /v2/batches/{ref}/rows: every row's result in the order of the file, paged."""
    caller = await caller_of(call)
    asked = wire.QUERY.read(wire.Page, call.query)
    record = await _batch(call, caller.tenant_id)

    def look(reads: Reads) -> list[list[Any]]:
        first = asked.offset // CHUNK
        count = (asked.end - 1) // CHUNK - first + 1
        pages = _rows_page(reads, record, "batch", first, count)
        rows = [row for page in pages for row in page.doc["rows"]]
        start = asked.offset - first * CHUNK
        return rows[start : start + asked.limit]

    found = await call.hub.read(look)
    items = [_shown_row(row) for row in found]
    return Answer(200, encode(collection(call, asked, items)))


def _shown_row(row: list[Any]) -> dict[str, Any]:
    name, code, message, ref = row
    shown: dict[str, Any] = {"ref": name, "code": code}
    if message:
        shown["message"] = message
    if ref:
        shown["resource"] = {"ref": ref}
    return shown
