"""The story of tests/clients/README.md, in Python.

PYTHONPATH must hold what buf.gen.yaml generates. Needs grpcio-status and cryptography.
"""

import base64
import contextlib
import hashlib
import os
import pathlib
import uuid

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from judgement.ledger.v1 import assessment_service_pb2 as assessments
from judgement.ledger.v1 import audit_service_pb2 as audits
from judgement.ledger.v1 import common_pb2 as common
from judgement.ledger.v1 import resources_pb2 as resources
from judgement.ledger.v1 import transparency_service_pb2 as transparency
from judgement.ledger.v1.assessment_service_pb2_grpc import AssessmentServiceStub
from judgement.ledger.v1.audit_service_pb2_grpc import AuditServiceStub
from judgement.ledger.v1.transparency_service_pb2_grpc import TransparencyServiceStub

SECONDS = 10
ASSESSMENT = os.environ["LEDGER_ASSESSMENT"]
AREA = "enjoying-and-achieving"


class Caller(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sends a token and a deadline with every call."""

    def __init__(self, token):
        self.metadata = [("authorization", f"Bearer {token}")]

    def intercept_unary_unary(self, go_on, details, request):
        return go_on(details._replace(metadata=self.metadata, timeout=SECONDS), request)

    intercept_unary_stream = intercept_unary_unary


def connect():
    """A channel that retries as the service config says, seen by each of the two logins."""
    retries = pathlib.Path(os.environ["LEDGER_SERVICE_CONFIG"]).read_text()
    channel = grpc.insecure_channel(os.environ["LEDGER"], [("grpc.service_config", retries)])
    tokens = os.environ["LEDGER_LEAD"], os.environ["LEDGER_INSPECTOR"]
    return [grpc.intercept_channel(channel, Caller(token)) for token in tokens]


def main():
    lead, inspector = connect()
    first, second = write(AssessmentServiceStub(lead), AssessmentServiceStub(inspector))
    read(AssessmentServiceStub(inspector), AuditServiceStub(inspector), first, second)
    prove(TransparencyServiceStub(inspector), second)


def write(lead, inspector):
    """Opens, grades, and is refused; the receipts of both grades."""
    receipt = lead.OpenAssessment(
        assessments.OpenAssessmentRequest(
            assessment=ASSESSMENT, act=act(), framework="frameworks/apa/versions/2006", cycle="2006"
        )
    )
    print(f"opened: revision {receipt.revision}")

    order = assessments.SetGradeRequest(
        assessment=ASSESSMENT,
        act=act(reason="INITIAL", rationale="Results have risen."),
        area=AREA,
        grade=assessments.Grade(word="good"),
        expected=resources.Expectation(none_yet=True),
    )
    first = inspector.SetGrade(order)
    print(f"graded: {kind(first.change)} {order.grade.word}")

    order.grade.word = "adequate"
    order.act.CopyFrom(act(reason="DATA_CORRECTED", rationale="Exclusions were counted wrongly."))
    order.expected.position = first.position
    second = inspector.SetGrade(order)
    print(f"graded: {kind(second.change)} {order.grade.word}")

    late = assessments.SetGradeRequest()
    late.CopyFrom(order)
    late.act.request_id = str(uuid.uuid4())
    code, info = refusal(inspector.SetGrade, late)
    won = info.metadata["position"], info.metadata["record_id"]
    assert won == (str(second.position), second.record_id), info
    print(f"refused: {code} {info.reason}, and the winner is our own record")

    # What was sent once may be sent again, whatever was heard of it.
    again = inspector.SetGrade(order)
    assert again.replayed and not second.replayed
    again.replayed = False
    assert again == second, again
    print("repeated: the same receipt, replayed")

    order.act.rationale = "Something else."
    code, info = refusal(inspector.SetGrade, order)
    print(f"refused: {code} {info.reason}")
    return first, second


def read(service, audit, first, second):
    """Reads what was written: how it came about, what was known when, and record by record."""
    code, info = refusal(next, records(audit, 0, expression="nonsense ="))
    print(f"refused stream: {code} {info.reason}")

    history = audit.GetGradeHistory(
        audits.GetGradeHistoryRequest(
            assessment=ASSESSMENT, area=AREA, min_position=second.position
        )
    )
    changes = [
        " ".join([kind(row.grade.change), *before(row.grade), row.grade.after.word])
        for row in history.rows
    ]
    print("history:", ", ".join(changes))

    then = assessments.GetAssessmentRequest(name=ASSESSMENT, known_at_position=first.position)
    now = assessments.GetAssessmentRequest(name=ASSESSMENT, min_position=second.position)
    words = [service.GetAssessment(it).judgements[0].award.word for it in (then, now)]
    print("known before: {}, known now: {}".format(*words))

    with contextlib.closing(records(audit, 0)) as stream:
        start = next(stream)
    rest = list(records(audit, start.position))
    print(f"streamed: {event(start)}, then {', '.join(map(event, rest))}")
    assert [it.revision for it in [start, *rest]] == [1, 2, 3]


def before(change):
    return [change.before.word, "to"] if change.HasField("before") else []


def records(audit, after, **more):
    """The assessment's records after a position, until there are no more or nobody takes them."""
    stream = audit.StreamRecords(
        audits.StreamRecordsRequest(
            after_position=after, streams=[ASSESSMENT], catch_up_only=True, **more
        )
    )
    try:
        for message in stream:
            if message.WhichOneof("message") == "record":
                yield message.record.record
    finally:
        stream.cancel()


def event(record):
    """The name of what happened."""
    return getattr(record, record.WhichOneof("event")).DESCRIPTOR.name


def prove(service, receipt):
    """Believes nothing of it without a proof."""
    trail = service.GetTrail(
        transparency.GetTrailRequest(assessment=ASSESSMENT, min_size=receipt.position)
    )
    proven = next(it for it in trail.records if it.position == receipt.position)
    text, signatures = trail.checkpoint.note.decode().rsplit("\n\n", 1)
    text += "\n"
    _origin, size, root, *_ = text.split("\n")
    size, root = int(size), base64.b64decode(root)

    index = proven.position - 1
    assert fold(proven.record, index, size, proven.hashes) == root
    spoiled = proven.record[:-1] + bytes([proven.record[-1] ^ 1])
    assert fold(spoiled, index, size, proven.hashes) != root
    print("proved: the record is in the tree, and a spoiled one is not")

    assert is_signed(text, signatures) and not is_signed(text.replace(str(size), "1"), signatures)
    assert (trail.checkpoint.size, trail.checkpoint.root) == (size, root)
    print("signed: the ledger signed that tree, and not a spoiled one")


def fold(record, index, size, hashes):
    """The root to which a record and its proof lead; None if to none. (RFC 9162 §2.1.3.2)"""
    last = size - 1
    root = hashlib.sha256(b"\0" + record).digest()
    for sibling in hashes:
        if last == 0:
            return None
        if index & 1 or index == last:
            root = hashlib.sha256(b"\1" + sibling + root).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\1" + root + sibling).digest()
        index, last = index >> 1, last >> 1
    return root if last == 0 else None


def is_signed(text, signatures):
    """Whether the ledger's key signed a text. (c2sp.org/signed-note)"""
    name, key_id, key = os.environ["LEDGER_KEY"].split("+", 2)
    key = base64.b64decode(key)
    for line in signatures.splitlines():
        _dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        # Beside the ledger witnesses may have signed. The first byte of the key says Ed25519.
        if signer == name and signature[:4].hex() == key_id and key[0] == 1:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
                return True
            except InvalidSignature:
                return False
    return False


def act(**circumstances):
    """A command of its own: its id is made once, however often it is sent."""
    return resources.Act(request_id=str(uuid.uuid4()), **circumstances)


def kind(change):
    return common.ChangeKind.Name(change).removeprefix("CHANGE_KIND_")


def refusal(call, asked):
    """The code and reason with which a call is refused."""
    try:
        raise AssertionError(f"it was not refused: {call(asked)}")
    except grpc.RpcError as error:
        for detail in rpc_status.from_call(error).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return error.code().name, info
        raise


if __name__ == "__main__":
    main()
