"""Scenario 20: another framework, another client.

A nested framework is loaded as data by a client in a second language and read back equal; comparing
an assessment under it with one of 2006 answers NOT_COMPARABLE; a stream consumer that stopped at n
goes on at n + 1.

    scenario_20.py PROGRAM FRAMEWORK.json

PROGRAM is the binary; the messages must have been generated beside this file, or on PYTHONPATH.
"""

import pathlib
import re
import signal
import subprocess
import sys
import uuid

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from judgement.ledger.v1 import (
    assessment_service_pb2 as assessments,
    assessment_service_pb2_grpc as assessments_grpc,
    audit_service_pb2 as audits,
    audit_service_pb2_grpc as audits_grpc,
    framework_pb2 as frameworks,
    framework_service_pb2 as framework_service,
    framework_service_pb2_grpc as framework_service_grpc,
    report_service_pb2 as reports,
    report_service_pb2_grpc as reports_grpc,
    resources_pb2 as resources,
)

SUBJECT = "subjects/nottingham-city"
OF_2006 = f"{SUBJECT}/assessments/apa-2006"
NESTED = f"{SUBJECT}/assessments/nested-2013"
SECONDS = 30


class Server:
    """A server on a ledger that vanishes, and its clients."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        command = [self.program, "serve", "--dev", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        said = ""
        while "--login" not in said:
            line = self.process.stdout.readline()
            assert line, f"the server ended: {said}"
            said += line
        self.address = re.search(r"http://(\S+?)\.? ", said).group(1)
        self.key = re.search(r"--key-file (\S+)", said).group(1)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, "the server did not stop in peace"

    def channel(self, role):
        """A channel for a login of Ofsted with this role."""
        token = subprocess.run(
            [self.program, "token", "--key-file", self.key, "--login", f"{role}@ofsted"]
            + ["--organisation", "ofsted", "--role", role],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        return grpc.intercept_channel(grpc.insecure_channel(self.address), Bearer(token))


class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sends a token and a deadline with every call."""

    def __init__(self, token):
        self.metadata = (("authorization", f"Bearer {token}"),)

    def intercept_unary_unary(self, go_on, details, request):
        return go_on(self.with_token(details), request)

    def intercept_unary_stream(self, go_on, details, request):
        return go_on(self.with_token(details), request)

    def with_token(self, details):
        metadata = tuple(details.metadata or ()) + self.metadata
        return details._replace(metadata=metadata, timeout=SECONDS)


def act():
    return resources.Act(request_id=str(uuid.uuid4()))


def load(server, path):
    """Registers the framework of a file under another version; its name."""
    service = framework_service_grpc.FrameworkServiceStub(server.channel("framework-admin"))
    framework = json_format.Parse(path.read_text(), frameworks.Framework())
    assert any(area.parent for area in framework.areas), "it is not nested"
    framework.name += "-by-python"
    order = framework_service.RegisterFrameworkRequest(act=act(), framework=framework)
    service.RegisterFramework(order)
    back = service.GetFramework(framework_service.GetFrameworkRequest(name=framework.name))
    assert back == framework, f"it is read back otherwise: {back}"

    order.act.request_id = str(uuid.uuid4())
    try:
        service.RegisterFramework(order)
        raise AssertionError("it was registered twice")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error
        assert reason(error) == "EXISTS", reason(error)
    return framework.name


def reason(error):
    """The stable reason of a refusal."""
    for detail in rpc_status.from_call(error).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return None


def assess(server, nested):
    """An assessment under each framework, with a grade."""
    service = framework_service_grpc.FrameworkServiceStub(server.channel("framework-admin"))
    service.RegisterSubject(
        framework_service.RegisterSubjectRequest(
            act=act(), subject=SUBJECT, display_name="Nottingham City Council", kind="council"
        )
    )
    lead = assessments_grpc.AssessmentServiceStub(server.channel("lead-inspector"))
    inspector = assessments_grpc.AssessmentServiceStub(server.channel("inspector"))
    for name, framework, cycle, area, grade in [
        (OF_2006, "frameworks/apa/versions/2006", "2006", "childrens-services", {"level": "3"}),
        (NESTED, nested, "2013", "overall-effectiveness", {"word": "good"}),
    ]:
        lead.OpenAssessment(
            assessments.OpenAssessmentRequest(
                assessment=name, act=act(), framework=framework, cycle=cycle
            )
        )
        receipt = inspector.SetGrade(
            assessments.SetGradeRequest(
                assessment=name, act=act(), area=area, grade=assessments.Grade(**grade)
            )
        )
    return receipt.position


def compare(server, at_least):
    """What two assessments under different frameworks have in common: nothing."""
    service = reports_grpc.ReportServiceStub(server.channel("auditor"))
    answer = service.CompareAssessments(
        reports.CompareAssessmentsRequest(
            before=reports.ComparedState(assessment=OF_2006),
            after=reports.ComparedState(assessment=NESTED),
            min_position=at_least,
        )
    )
    told = {(it.area_before or it.area_after): it.comparison for it in answer.areas}
    expected = dict.fromkeys(
        ["childrens-services", "overall-effectiveness"], reports.COMPARISON_NOT_COMPARABLE
    )
    assert told == expected, told


def consume(server):
    """Stops in the midst of the stream, and goes on where it stopped."""
    service = audits_grpc.AuditServiceStub(server.channel("auditor"))

    def positions(after):
        request = audits.StreamRecordsRequest(after_position=after, catch_up_only=True)
        for message in service.StreamRecords(request):
            if message.WhichOneof("message") == "record":
                yield message.record.record.position

    everything = list(positions(0))
    assert everything == list(range(1, len(everything) + 1)), everything
    stream, stopped_at = positions(0), len(everything) // 2
    while next(stream) != stopped_at:
        pass
    stream.close()
    assert list(positions(stopped_at)) == everything[stopped_at:]


def main():
    program, framework = sys.argv[1:]
    with Server(program) as server:
        nested = load(server, pathlib.Path(framework))
        position = assess(server, nested)
        compare(server, position)
        consume(server)
    print("scenario 20 by a client in Python: passed")


if __name__ == "__main__":
    main()
