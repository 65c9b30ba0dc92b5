# frozen_string_literal: true

# The story of tests/clients/README.md, in Ruby: `ruby -I GENERATED story.rb`.

require "grpc"
require "openssl"
require "securerandom"
require "judgement/ledger/v1/assessment_service_services_pb"
require "judgement/ledger/v1/audit_service_services_pb"
require "judgement/ledger/v1/transparency_service_services_pb"
# What unpacks the details of a status, and what lies in them.
require "google/protobuf/well_known_types"
require "google/rpc/error_details_pb"

include Judgement::Ledger::V1

SECONDS = 10 # How long any call may take.
AREA = "enjoying-and-achieving"
ASSESSMENT = ENV.fetch("LEDGER_ASSESSMENT")

# What went wrong, for whoever runs this.
class Unexpected < StandardError; end

def check(held, otherwise)
  raise Unexpected, otherwise unless held
end

# A channel that retries as the service config says, and the stub of a service over it.
def channel
  config = { "grpc.service_config" => File.read(ENV.fetch("LEDGER_SERVICE_CONFIG")) }
  @channel ||= GRPC::Core::Channel.new(ENV.fetch("LEDGER"), config, :this_channel_is_insecure)
end

def stub(service)
  service::Stub.new(nil, nil, channel_override: channel, timeout: SECONDS)
end

# Sent with each call. An interceptor would not do it for those with `return_op`.
def token(variable)
  { "authorization" => "Bearer #{ENV.fetch(variable)}" }
end

LEAD = token("LEDGER_LEAD")
INSPECTOR = token("LEDGER_INSPECTOR")

# Why a call is refused: its code, and the ErrorInfo in the details of its status.
def refusal
  yield
  raise Unexpected, "what should be refused was answered"
rescue GRPC::BadStatus => e
  packed = e.to_rpc_status&.details&.find { |it| it.is(Google::Rpc::ErrorInfo) }
  raise unless packed

  [Google::Rpc::Code.lookup(e.code), packed.unpack(Google::Rpc::ErrorInfo)]
end

def act(**circumstances)
  Act.new(request_id: SecureRandom.uuid, **circumstances)
end

def grade(word, act:, expected:)
  SetGradeRequest.new(assessment: ASSESSMENT, act: act, area: AREA, grade: Grade.new(word: word),
                      expected: Expectation.new(**expected))
end

def bare(change)
  change.to_s.delete_prefix("CHANGE_KIND_")
end

# `AWARDED good`, or `LOWERED good to adequate` where something stood before.
def told(row)
  words = [row.grade.before, row.grade.after].compact.map(&:word)
  "#{bare(row.grade.change)} #{words.join(' to ')}"
end

def word(answer)
  answer.judgements.find { |it| it.area == AREA }.award.word
end

# The records after a position, as the server sends them; whoever has enough stops.
def records(audit, after, **more)
  asked = StreamRecordsRequest.new(after_position: after, streams: [ASSESSMENT],
                                   catch_up_only: true, **more)
  call = audit.stream_records(asked, metadata: INSPECTOR, return_op: true)
  answers = call.execute
  Enumerator.new do |found|
    answers.each { |it| found << it.record.record if it.message == :record }
  ensure
    call.cancel
  end
end

# `:grade_set` as the ledger names it, `GradeSet`.
def event(record)
  record.event.to_s.split("_").map(&:capitalize).join
end

def sha256(*parts)
  OpenSSL::Digest::SHA256.digest(parts.join)
end

# The root to which a record's proof leads; nil if it fits no such tree. (RFC 9162 §2.1.3.2)
def fold(record, index, size, proof)
  return if index >= size

  node = index
  last = size - 1
  hash = sha256("\x00", record)
  proof.each do |sibling|
    return if last.zero?

    if node.odd? || node == last
      hash = sha256("\x01", sibling, hash)
      node, last = node >> 1, last >> 1 until node.odd? || node.zero?
    else
      hash = sha256("\x01", hash, sibling)
    end
    node >>= 1
    last >>= 1
  end
  hash if last.zero?
end

# The key of a log, `NAME+ID+BASE64`. (c2sp.org/signed-note)
class LogKey
  SPKI_OF_ED25519 = ["302a300506032b6570032100"].pack("H*")

  def initialize(text)
    @name, id, key = text.split("+", 3)
    key = key.unpack1("m0")
    @id = [id].pack("H*")
    check(key.bytesize == 33 && key.start_with?("\x01"), "LEDGER_KEY is no Ed25519 key")
    check(@id == sha256(@name, "\n", key)[0, 4], "the id in LEDGER_KEY is not that of its key")
    @key = OpenSSL::PKey.read(SPKI_OF_ED25519 + key[1..])
  end

  # Whether one of a note's signatures is by this key; others may have signed it, too.
  def signed?(text, signatures)
    signatures.each_line(chomp: true).any? do |line|
      dash, name, signature = line.split
      id, signature = signature.unpack1("m0").unpack("a4a*")
      dash == "—" && name == @name && id == @id && @key.verify(nil, signature, text)
    end
  end
end

def main
  assessments = stub(AssessmentService)
  audit = stub(AuditService)

  opening = OpenAssessmentRequest.new(assessment: ASSESSMENT, act: act, cycle: "2006",
                                      framework: "frameworks/apa/versions/2006")
  opened = assessments.open_assessment(opening, metadata: LEAD)
  puts "opened: revision #{opened.revision}"

  start = grade("good", act: act, expected: { none_yet: true })
  first = assessments.set_grade(start, metadata: INSPECTOR)
  puts "graded: #{bare(first.change)} good"

  reasons = { reason: "DATA_CORRECTED", basis: :BASIS_DATA_CORRECTED,
              rationale: "The results of one school were counted twice." }
  seen = { position: first.position }
  lowering = grade("adequate", act: act(**reasons), expected: seen)
  second = assessments.set_grade(lowering, metadata: INSPECTOR)
  puts "graded: #{bare(second.change)} adequate"

  late = grade("adequate", act: act(**reasons), expected: seen)
  code, info = refusal { assessments.set_grade(late, metadata: INSPECTOR) }
  winner = info.metadata.to_h.values_at("position", "record_id")
  check(winner == [second.position.to_s, second.record_id], "another record won: #{info.metadata}")
  puts "refused: #{code} #{info.reason}, and the winner is our own record"

  # As after an answer that was lost: nothing is recorded twice under one request id.
  again = assessments.set_grade(lowering, metadata: INSPECTOR)
  check(again.to_h == second.to_h.merge(replayed: true), "another receipt: #{again}")
  puts "repeated: the same receipt, replayed"

  other = grade("inadequate", act: lowering.act, expected: seen)
  code, info = refusal { assessments.set_grade(other, metadata: INSPECTOR) }
  puts "refused: #{code} #{info.reason}"

  code, info = refusal { records(audit, 0, expression: "nonsense =").first }
  puts "refused stream: #{code} #{info.reason}"

  asked = GetGradeHistoryRequest.new(assessment: ASSESSMENT, area: AREA,
                                     min_position: second.position)
  history = audit.get_grade_history(asked, metadata: INSPECTOR)
  puts "history: #{history.rows.map { |row| told(row) }.join(', ')}"

  before, now = [{ known_at_position: first.position }, {}].map do |moment|
    asked = GetAssessmentRequest.new(name: ASSESSMENT, min_position: second.position, **moment)
    word(assessments.get_assessment(asked, metadata: INSPECTOR))
  end
  puts "known before: #{before}, known now: #{now}"

  one = records(audit, 0).first
  others = records(audit, one.position).to_a
  sent = [one, *others].map(&:position)
  check(sent == [opened, first, second].map(&:position), "other records were sent: #{sent}")
  puts "streamed: #{event(one)}, then #{others.map { |it| event(it) }.join(', ')}"

  asked = GetTrailRequest.new(assessment: ASSESSMENT, min_size: second.position)
  trail = stub(TransparencyService).get_trail(asked, metadata: INSPECTOR)
  proven = trail.records.find { |it| it.position == second.position }
  tree = trail.checkpoint
  leads_to = ->(record) { fold(record, proven.position - 1, tree.size, proven.hashes) }
  proved = Record.decode(proven.record).grade_set
  check(proved.standing.word == "adequate", "the record says something else: #{proved}")
  check(leads_to.(proven.record) == tree.root, "the proof does not lead to the root")
  spoiled = proven.record.dup.tap { |it| it.setbyte(-1, it.getbyte(-1) ^ 1) }
  check(leads_to.(spoiled) != tree.root, "a spoiled record leads to the root")
  puts "proved: the record is in the tree, and a spoiled one is not"

  # The text of a note ends with the newline before its last empty line; signatures follow.
  text, _, signatures = tree.note.dup.force_encoding("UTF-8").rpartition("\n\n")
  key = LogKey.new(ENV.fetch("LEDGER_KEY"))
  check(key.signed?("#{text}\n", signatures), "the checkpoint is not signed by LEDGER_KEY")
  _origin, size, root = text.split("\n")
  check([size.to_i, root.unpack1("m0")] == [tree.size, tree.root], "another tree is signed")
  spoiled = text.sub("\n#{size}\n", "\n#{size.next}\n")
  check(!key.signed?("#{spoiled}\n", signatures), "a spoiled text is signed, too")
  puts "signed: the ledger signed that tree, and not a spoiled one"
end

begin
  main
rescue Unexpected, GRPC::BadStatus => e
  abort "story: #{e.message}"
end
