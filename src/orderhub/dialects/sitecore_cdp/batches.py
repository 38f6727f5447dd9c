"""Batch uploads: a place to put the file, the file, and what became of its rows.

The file is kept on disk until its size and checksum are right, and its rows are all done before
the upload is answered: an answered upload is durable, row by row.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import tempfile
from collections.abc import Awaitable
from typing import IO, Any

import msgspec

from orderhub.core.access import Credential
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.known import Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    Fault,
    FaultKind,
    Refused,
    Route,
    Stop,
    WireFault,
    invalid,
)
from orderhub.dialects.sitecore_cdp import fields, wire
from orderhub.dialects.sitecore_cdp.auth import NAME, caller_of
from orderhub.dialects.sitecore_cdp.batch_file import BadFile, Lines
from orderhub.dialects.sitecore_cdp.batch_rows import Load, Result, Row, parse
from orderhub.dialects.sitecore_cdp.paging import paging_of
from orderhub.dialects.sitecore_cdp.refs import is_uuid
from orderhub.dialects.sitecore_cdp.repeats import apart
from orderhub.dialects.wiring import encode

BATCH = "sitecore_cdp.batch"
BATCH_ROWS = "sitecore_cdp.batch_rows"  # results, CHUNK rows to a record

MAX_PACKED_BYTES = 50 * 1024 * 1024
CHUNK = 256
VALID_US = 3_600_000_000
# A load that has not moved for so long died with its process: the file may be put again.
STALE_US = 60_000_000
MAX_LOG_ROWS = 10_000
_HEX = frozenset("0123456789abcdef")
_SPOOLED_BYTES = 1_048_576


# --- the place


async def allocate(call: Call) -> Answer:
    """PUT /v2/batches/{ref} with `{checksum, size}` -> the place to upload to, valid one hour.

    Asked again with the same content before anything was uploaded, it is allocated afresh.
    """
    caller = await caller_of(call)
    ref = _ref(call)
    members = fields.read(fields.json_body(call), fields.BATCH)
    checksum, size = members["checksum"].lower(), members["size"]
    faults = []
    if len(checksum) != 32 or not _HEX.issuperset(checksum):
        faults.append(WireFault("checksum", "value", "must be a hex-encoded MD5."))
    if size != int(size) or not 1 <= size <= MAX_PACKED_BYTES:
        faults.append(WireFault("size", "value", f"must be between 1 and {MAX_PACKED_BYTES}."))
    if faults:
        raise invalid(*faults)
    stored = await call.hub.read(lambda reads: reads.record(caller.tenant_id, BATCH, "uid", ref))
    if stored is not None and not _is_same(stored, checksum, int(size)):
        raise Refused(Rejected(Reason.ALREADY_EXISTS, BATCH, "the batch ref was used before"))
    doc = {
        "checksum": checksum,
        "size": int(size),
        "status": "uploading",
        "token": secrets.token_urlsafe(32),
        "expires_at": call.received_at + VALID_US,
        "moved_at": call.received_at,
        "actor": caller.credential.id,
        "acts_as": caller.acts_as,
        "total": 0,
        "failed": 0,
    }
    command = PutRecords(
        origin=call.origin(caller, call.body),
        changes=(_change(stored, doc, ref),),
        unique=((BATCH, "uid", ref),),
    )
    base = call.base_url
    tenant = caller.tenant_id
    return await call.submit(
        command,
        lambda accepted: Answer(200, encode(to_batch(accepted.records[0], base, tenant))),
    )


def _ref(call: Call) -> str:
    ref = call.params["ref"].lower()
    if not is_uuid(ref):
        raise invalid(WireFault("batchRef", "value", "must be a UUID."))
    return ref


def _is_same(stored: Record, checksum: str, size: int) -> bool:
    doc = stored.doc
    return bool(
        doc["status"] == "uploading" and doc["checksum"] == checksum and doc["size"] == size
    )


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
            "expiry": fields.second_text(doc["expires_at"]),
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
        raise Refused(Rejected(Reason.RECORD_UNKNOWN, BATCH, f"no batch {ref[:64]}"))
    return found


async def _signed_batch(call: Call) -> Record:
    """The batch whose signed address was called: it needs no other credentials, as documented."""
    tenant = call.query.get("tenant", "")
    token = call.query.get("token", "")
    forbidden = Stop(Fault(FaultKind.FORBIDDEN, "The address is not valid."))
    if not (tenant.isascii() and tenant.isdigit() and len(tenant) < 10 and token.isascii()):
        raise forbidden
    try:
        record = await _batch(call, int(tenant))
    except Refused:
        raise forbidden from None
    if not hmac.compare_digest(str(record.doc["token"]), token):
        raise forbidden
    return record


# --- the file


async def upload(call: Call) -> Answer:
    """PUT the gzipped file to the allocated place -> an empty 200, once every row is done."""
    record = await _signed_batch(call)
    doc = record.doc
    if call.received_at >= doc["expires_at"]:
        raise Stop(Fault(FaultKind.FORBIDDEN, "The address has expired."))
    moving = doc["status"] == "processing" and call.received_at - doc["moved_at"] < STALE_US
    if moving or doc["status"] in {"success", "error"}:
        raise Refused(Rejected(Reason.ALREADY_EXISTS, BATCH, "the file was uploaded before"))
    caller = _uploader(record)
    call.caller = caller
    rows_call = apart(call)
    try:
        with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as file:
            intact = await _receive(call, file, doc)
            if call.is_dry_run:
                return Answer(200, b"")  # what the real one says of any file, whole or not
            if not intact:
                await _write(rows_call, caller, record, {"status": "corrupted"})
                return Answer(200, b"")
            file.seek(0)
            await _load(rows_call, caller, record, file)
    except OSError as error:
        raise Stop(Fault(FaultKind.UNAVAILABLE, str(error), retry_after_s=10)) from None
    return Answer(200, b"")


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


async def _load(call: Call, caller: Caller, record: Record, file: IO[bytes]) -> None:
    record = await _write(call, caller, record, {"status": "processing", "total": 0, "failed": 0})
    settings = await call.hub.settings(caller.tenant_id)
    now = settings.clock.at(call.received_at)
    load = Load(call, caller, record.uid, now)
    lines = Lines(file)
    rows = await _rows(call, lines, now)
    done: list[Result] = []
    chunk = -1
    # While a chunk is being done, the next one is read and the results of the last one are kept.
    while not isinstance(rows, BadFile) and (rows or done):
        results, following, kept = await _all(
            load.do(rows),
            _rows(call, lines, now) if rows else _nothing(),
            _write(call, caller, record, {}, results=done, chunk=chunk),
        )
        record, rows, done = kept, following, results
        chunk += 1
    if done:
        record = await _write(call, caller, record, {}, results=done, chunk=chunk)
    end: dict[str, Any] = {"status": "success"}
    if isinstance(rows, BadFile):
        end = {"status": "error", "reason": str(rows)}
    elif record.doc["failed"]:
        end = {"status": "error"}
    await _write(call, caller, record, end)


async def _all(*work: Awaitable[Any]) -> list[Any]:
    """All of them, side by side. A failure is raised only when nothing is running any more."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


async def _nothing() -> list[Row | Result]:
    return []


async def _rows(call: Call, lines: Lines, now: int) -> list[Row | Result] | BadFile:
    """The next rows, none at the end; or why the file cannot be read any further."""
    try:
        return await call.hub.blocking(_parsed, lines, now)
    except BadFile as bad:
        return bad


def _parsed(lines: Lines, now: int) -> list[Row | Result]:
    return [parse(line, now) for line in lines.take(CHUNK)]


async def _write(
    call: Call,
    caller: Caller,
    record: Record,
    members: dict[str, Any],
    *,
    results: list[Result] | None = None,
    chunk: int = 0,
) -> Record:
    """The batch moved on; the results of a chunk are kept in the same commit."""
    if results == []:
        return record
    doc = {**record.doc, **members, "moved_at": call.hub.now_us()}
    changes = []
    if results is not None:
        failed = sum(1 for each in results if each.code >= 300)
        doc["total"] += len(results)
        doc["failed"] += failed
        changes.append(await _results_change(call, record, results, chunk, failed=failed))
    command = PutRecords(
        origin=call.origin(caller, b""), changes=(_change(record, doc, record.uid), *changes)
    )
    answer = await call.submit(command, lambda _accepted: Answer(200, b""), bulk=True)
    if answer.status != 200:
        # Another upload of the same batch took over.
        raise Refused(Rejected(Reason.ALREADY_EXISTS, BATCH, "the file is uploaded by another"))
    return msgspec.structs.replace(record, doc=doc, version=record.version + 1)


async def _results_change(
    call: Call, record: Record, results: list[Result], chunk: int, *, failed: int
) -> RecordChange:
    """A load that starts again overwrites the results of the one that died."""
    code = f"{record.uid}:{chunk}"
    stored = await call.hub.read(
        lambda reads: reads.record(record.tenant_id, BATCH_ROWS, "code", code)
    )
    keys = [("batch", record.uid)]
    if failed:
        keys.append(("failed", record.uid))
    return RecordChange(
        kind=BATCH_ROWS,
        id=0 if stored is None else stored.id,
        code=code,
        doc={"rows": [list(each) for each in results]},
        keys=tuple(keys),
    )


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
    return Answer(200, b"".join(lines), media_type="application/x-ndjson")


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
    paging = paging_of(call)
    record = await _batch(call, caller.tenant_id)

    def look(reads: Reads) -> list[list[Any]]:
        first = paging.offset // CHUNK
        count = (paging.end - 1) // CHUNK - first + 1
        pages = _rows_page(reads, record, "batch", first, count)
        rows = [row for page in pages for row in page.doc["rows"]]
        start = paging.offset - first * CHUNK
        return rows[start : start + paging.limit]

    found = await call.hub.read(look)
    items = [_shown_row(row) for row in found]
    return Answer(200, encode(paging.collection(call, items)))


def _shown_row(row: list[Any]) -> dict[str, Any]:
    name, code, message, ref = row
    shown: dict[str, Any] = {"ref": name, "code": code}
    if message:
        shown["message"] = message
    if ref:
        shown["resource"] = {"ref": ref}
    return shown


_ERRORS = {400: wire.Error, 401: wire.Unauthorized, 404: wire.Error}

ROUTES = (
    Route(
        "PUT",
        "/v2/batches/{ref}",
        allocate,
        "Allocate a batch upload location",
        wire.BatchRequest,
        {200: wire.Batch, **_ERRORS, 409: wire.Error},
        mutates=True,
    ),
    Route(
        "PUT",
        "/v2/batches/{ref}/upload",
        upload,
        "Upload the gzipped file",
        answers={200: None, 403: wire.Error, 409: wire.Error, 413: wire.Error},
        max_body=MAX_PACKED_BYTES,
        stream=True,
    ),
    Route(
        "GET",
        "/v2/batches/{ref}",
        get_batch,
        "Retrieve the status of a batch",
        answers={200: wire.Batch, **_ERRORS},
    ),
    Route(
        "GET",
        "/v2/batches/inspect/{ref}",
        get_batch,
        "Retrieve the status of a batch",
        answers={200: wire.Batch, **_ERRORS},
    ),
    Route(
        "GET",
        "/v2/batches/{ref}/rows",
        get_rows,
        "List what became of the rows",
        answers={200: wire.Collection, **_ERRORS},
    ),
    Route("GET", "/v2/batches/{ref}/log", get_log, "Retrieve the error log"),
)
