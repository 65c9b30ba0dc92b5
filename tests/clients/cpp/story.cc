// The story of tests/clients/README.md, in C++17.

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "judgement/ledger/v1/assessment_service.grpc.pb.h"
#include "judgement/ledger/v1/audit_service.grpc.pb.h"
#include "judgement/ledger/v1/transparency_service.grpc.pb.h"
#include "proof.h"

using namespace judgement::ledger::v1;
using Assessments = AssessmentService::Stub;

constexpr auto kDeadline = std::chrono::seconds(10);  // of any call
constexpr char kArea[] = "enjoying-and-achieving";

void Check(bool held, const std::string& otherwise) {
  if (!held) throw std::runtime_error(otherwise);
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  Check(value != nullptr, absl::StrCat(name, " is not set"));
  return value;
}

// Why a call was refused or failed: its code, and the ErrorInfo in the details of its status.
struct Refusal : std::runtime_error {
  explicit Refusal(const grpc::Status& status)
      : std::runtime_error(status.error_message()),
        code(google::rpc::Code_Name(static_cast<google::rpc::Code>(status.error_code()))) {
    google::rpc::Status details;
    details.ParseFromString(status.error_details());
    for (const auto& detail : details.details())
      if (detail.UnpackTo(&info)) break;
  }

  std::string code;
  google::rpc::ErrorInfo info;
};

// What each call has: a deadline, and the token of who calls.
struct Context : grpc::ClientContext {
  explicit Context(const char* caller) {
    set_deadline(std::chrono::system_clock::now() + kDeadline);
    AddMetadata("authorization", absl::StrCat("Bearer ", Variable(caller)));
  }
};

template <typename Stub, typename Request, typename Answer>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Answer*);

template <typename Stub, typename Request, typename Answer>
Answer Call(Stub& stub, Method<Stub, Request, Answer> method, const Request& request,
            const char* caller = "LEDGER_INSPECTOR") {
  Context context(caller);
  Answer answer;
  const grpc::Status status = (stub.*method)(&context, request, &answer);
  if (!status.ok()) throw Refusal(status);
  return answer;
}

template <typename Ask>
Refusal Refused(const Ask& ask) {
  try {
    ask();
  } catch (const Refusal& refusal) {
    return refusal;
  }
  throw std::runtime_error("what should be refused was answered");
}

// A command of its own: its id is made once, however often it is sent. Linux makes such ids by
// itself; elsewhere take a library.
std::string Uuid() {
  std::string uuid;
  std::ifstream("/proc/sys/kernel/random/uuid") >> uuid;
  return uuid;
}

std::string Bare(ChangeKind change) {
  return std::string(absl::StripPrefix(ChangeKind_Name(change), "CHANGE_KIND_"));
}

std::string Told(const GradeChange& it) {
  const std::string before = it.has_before() ? it.before().word() + " to " : "";
  return absl::StrCat(Bare(it.change()), " ", before, it.after().word());
}

// An event's name, for example `GradeSet`: that of the message in the oneof.
std::string Event(const Record& record) {
  const auto* event = record.GetDescriptor()->FindOneofByName("event");
  const auto* field = record.GetReflection()->GetOneofFieldDescriptor(record, event);
  return field == nullptr ? "an unknown event" : field->message_type()->name();
}

// What is recorded: the assessment's opening, a grade, and the one that it was lowered to.
std::vector<Receipt> Write(Assessments& assessments) {
  OpenAssessmentRequest opening;
  opening.set_assessment(Variable("LEDGER_ASSESSMENT"));
  opening.mutable_act()->set_request_id(Uuid());
  opening.set_framework("frameworks/apa/versions/2006");
  opening.set_cycle("2006");
  const Receipt opened = Call(assessments, &Assessments::OpenAssessment, opening, "LEDGER_LEAD");
  std::cout << "opened: revision " << opened.revision() << std::endl;

  SetGradeRequest order;
  order.set_assessment(Variable("LEDGER_ASSESSMENT"));
  order.mutable_act()->set_request_id(Uuid());
  order.set_area(kArea);
  order.mutable_grade()->set_word("good");
  order.mutable_expected()->set_none_yet(true);
  const Receipt first = Call(assessments, &Assessments::SetGrade, order);
  std::cout << "graded: " << Bare(first.change()) << " good" << std::endl;

  order.mutable_act()->set_request_id(Uuid());
  order.mutable_act()->set_reason("DATA_CORRECTED");
  order.mutable_act()->set_basis(BASIS_DATA_CORRECTED);
  order.mutable_act()->set_rationale("The results of one school were counted twice.");
  order.mutable_grade()->set_word("adequate");
  order.mutable_expected()->set_position(first.position());
  const Receipt second = Call(assessments, &Assessments::SetGrade, order);
  std::cout << "graded: " << Bare(second.change()) << " adequate" << std::endl;

  SetGradeRequest late = order;
  late.mutable_act()->set_request_id(Uuid());
  const Refusal stale = Refused([&] { Call(assessments, &Assessments::SetGrade, late); });
  auto winner = stale.info.metadata();
  Check(winner["position"] == std::to_string(second.position()) &&
            winner["record_id"] == second.record_id(),
        "another record won: " + stale.info.ShortDebugString());
  std::cout << "refused: " << stale.code << " " << stale.info.reason()
            << ", and the winner is our own record" << std::endl;

  // As after an answer that was lost: nothing is recorded twice under one request id.
  Receipt again = Call(assessments, &Assessments::SetGrade, order);
  Check(again.replayed() && !second.replayed(), "it was recorded twice");
  again.clear_replayed();
  Check(google::protobuf::util::MessageDifferencer::Equals(again, second),
        "another receipt: " + again.ShortDebugString());
  std::cout << "repeated: the same receipt, replayed" << std::endl;

  order.mutable_grade()->set_word("inadequate");
  const Refusal reused = Refused([&] { Call(assessments, &Assessments::SetGrade, order); });
  std::cout << "refused: " << reused.code << " " << reused.info.reason() << std::endl;
  return {opened, first, second};
}

// The word that stands, as the request asks for it.
std::string Word(Assessments& assessments, GetAssessmentRequest request) {
  request.set_name(Variable("LEDGER_ASSESSMENT"));
  const Assessment answer = Call(assessments, &Assessments::GetAssessment, request);
  for (const Judgement& judgement : answer.judgements())
    if (judgement.area() == kArea) return judgement.award().word();
  return "nothing";
}

// The records after a position, at most so many: then the call is cancelled.
std::vector<Record> Records(AuditService::Stub& audit, uint64_t after, size_t most,
                            const std::string& expression = "") {
  StreamRecordsRequest request;
  request.set_after_position(after);
  request.add_streams(Variable("LEDGER_ASSESSMENT"));
  request.set_catch_up_only(true);
  request.set_expression(expression);
  Context context("LEDGER_INSPECTOR");
  const auto answers = audit.StreamRecords(&context, request);
  std::vector<Record> records;
  StreamRecordsResponse answer;
  while (records.size() < most && answers->Read(&answer))
    if (answer.has_record()) records.push_back(answer.record().record());
  const bool enough = records.size() == most;
  if (enough) context.TryCancel();
  const grpc::Status status = answers->Finish();
  if (!enough && !status.ok()) throw Refusal(status);
  return records;
}

void Read(Assessments& assessments, AuditService::Stub& audit,
          const std::vector<Receipt>& written) {
  const Refusal refused = Refused([&] { Records(audit, 0, 1, "nonsense ="); });
  std::cout << "refused stream: " << refused.code << " " << refused.info.reason() << std::endl;

  GetGradeHistoryRequest asked;
  asked.set_assessment(Variable("LEDGER_ASSESSMENT"));
  asked.set_area(kArea);
  asked.set_min_position(written[2].position());
  const auto history = Call(audit, &AuditService::Stub::GetGradeHistory, asked);
  std::vector<std::string> changes;
  for (const AuditRow& row : history.rows()) changes.push_back(Told(row.grade()));
  std::cout << "history: " << absl::StrJoin(changes, ", ") << std::endl;

  GetAssessmentRequest now, before;
  now.set_min_position(written[2].position());
  before.set_known_at_position(written[1].position());
  std::cout << "known before: " << Word(assessments, before)
            << ", known now: " << Word(assessments, now) << std::endl;

  std::vector<Record> sent = Records(audit, 0, 1);
  Check(sent.size() == 1, "no record was sent");
  for (Record& record : Records(audit, sent[0].position(), written.size())) sent.push_back(record);
  std::vector<std::string> events;
  for (const Record& record : sent) events.push_back(Event(record));
  Check(std::equal(sent.begin(), sent.end(), written.begin(), written.end(),
                   [](auto& it, auto& of) { return it.position() == of.position(); }),
        "other records were sent: " + absl::StrJoin(events, ", "));
  std::cout << "streamed: " << events[0] << ", then " << events[1] << ", " << events[2]
            << std::endl;
}

void Prove(TransparencyService::Stub& transparency, const Receipt& receipt) {
  GetTrailRequest asked;
  asked.set_assessment(Variable("LEDGER_ASSESSMENT"));
  asked.set_min_size(receipt.position());
  const Trail trail = Call(transparency, &TransparencyService::Stub::GetTrail, asked);
  const Checkpoint& tree = trail.checkpoint();
  const auto it = std::find_if(trail.records().begin(), trail.records().end(),
                               [&](auto& it) { return it.position() == receipt.position(); });
  Check(it != trail.records().end(), "the trail lacks the record");
  const auto is_in_tree = [&](const std::string& record) {
    return proof::Fold(record, it->position() - 1, tree.size(), it->hashes()) == tree.root();
  };
  Check(is_in_tree(it->record()), "the proof does not lead to the root");
  std::string spoiled = it->record();
  spoiled.back() ^= 1;
  Check(!is_in_tree(spoiled), "a spoiled record leads to the root");
  std::cout << "proved: the record is in the tree, and a spoiled one is not" << std::endl;

  // The text of a note ends with the newline before its last empty line; signatures follow.
  const size_t end = tree.note().rfind("\n\n");
  Check(end != std::string::npos, "the checkpoint is no note");
  const std::string text = tree.note().substr(0, end + 1), rest = tree.note().substr(end + 2);
  const auto is_signed = [&](const std::string& text) {
    return proof::Signed(Variable("LEDGER_KEY"), text, rest);
  };
  Check(is_signed(text), "the checkpoint is not signed by LEDGER_KEY");
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  Check(lines.size() > 3 && lines[1] == std::to_string(tree.size()) &&
            proof::Decoded(lines[2]) == tree.root(),
        "another tree is signed");
  lines[1] += "0";
  Check(!is_signed(absl::StrJoin(lines, "\n")), "a spoiled text is signed, too");
  std::cout << "signed: the ledger signed that tree, and not a spoiled one" << std::endl;
}

int main() try {
  std::ifstream config(Variable("LEDGER_SERVICE_CONFIG"));
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(std::string(std::istreambuf_iterator<char>(config), {}));
  const auto channel = grpc::CreateCustomChannel(
      Variable("LEDGER"), grpc::InsecureChannelCredentials(), arguments);
  Assessments assessments(channel);
  AuditService::Stub audit(channel);
  TransparencyService::Stub transparency(channel);

  const std::vector<Receipt> written = Write(assessments);
  Read(assessments, audit, written);
  Prove(transparency, written[2]);
} catch (const std::exception& error) {
  std::cerr << "story: " << error.what() << std::endl;
  return EXIT_FAILURE;
}
