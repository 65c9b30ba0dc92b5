import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import judgement.ledger.v1.*;
import judgement.ledger.v1.AssessmentServiceGrpc.AssessmentServiceBlockingStub;
import judgement.ledger.v1.AuditServiceGrpc.AuditServiceBlockingStub;
import judgement.ledger.v1.Record;

/** The story of tests/clients/README.md, in Java 17. */
class Story {
    static final int SECONDS = 10; // How long any call may take.
    static final String AREA = "enjoying-and-achieving";
    static final String ASSESSMENT = System.getenv("LEDGER_ASSESSMENT");

    public static void main(String[] arguments) throws Exception {
        var json = Files.readString(Path.of(System.getenv("LEDGER_SERVICE_CONFIG")));
        Map<String, ?> config = new Gson().fromJson(json, new TypeToken<Map<String, ?>>() {});
        var channel = ManagedChannelBuilder.forTarget(System.getenv("LEDGER"))
                .usePlaintext().defaultServiceConfig(config).enableRetry().build();
        try {
            new Story(as("LEDGER_LEAD", channel), as("LEDGER_INSPECTOR", channel)).tell();
        } catch (StatusRuntimeException | KeyException | Unexpected failure) {
            System.err.println("story: " + failure.getMessage());
            System.exit(1);
        } finally {
            channel.shutdownNow();
        }
    }

    /** The channel as seen by a caller: each call has its token, and a deadline. */
    static Channel as(String caller, Channel channel) {
        var headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER),
                "Bearer " + System.getenv(caller));
        return ClientInterceptors.intercept(channel,
                MetadataUtils.newAttachHeadersInterceptor(headers), new Deadlines());
    }

    static class Deadlines implements ClientInterceptor {
        @Override
        public <Q, A> ClientCall<Q, A> interceptCall(
                MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            return next.newCall(method, options.withDeadlineAfter(SECONDS, TimeUnit.SECONDS));
        }
    }

    /** What went wrong, for whoever runs this. */
    static class Unexpected extends RuntimeException {
        Unexpected(String what) {
            super(what);
        }
    }

    static void check(boolean held, String otherwise) {
        if (!held) throw new Unexpected(otherwise);
    }

    final AssessmentServiceBlockingStub lead;
    final AssessmentServiceBlockingStub inspector;
    final AuditServiceBlockingStub audit;
    final TransparencyServiceGrpc.TransparencyServiceBlockingStub transparency;

    Story(Channel ofLead, Channel ofInspector) {
        lead = AssessmentServiceGrpc.newBlockingStub(ofLead);
        inspector = AssessmentServiceGrpc.newBlockingStub(ofInspector);
        audit = AuditServiceGrpc.newBlockingStub(ofInspector);
        transparency = TransparencyServiceGrpc.newBlockingStub(ofInspector);
    }

    void tell() throws Exception {
        var written = write();
        read(written);
        prove(written.get(2));
    }

    /** Records the opening, a grade, and the one that it is lowered to. */
    List<Receipt> write() throws Exception {
        var opened = lead.openAssessment(OpenAssessmentRequest.newBuilder()
                .setAssessment(ASSESSMENT).setAct(act()).setCycle("2006")
                .setFramework("frameworks/apa/versions/2006").build());
        System.out.println("opened: revision " + opened.getRevision());

        var first = inspector.setGrade(grade("good", act())
                .setExpected(Expectation.newBuilder().setNoneYet(true)).build());
        System.out.println("graded: " + bare(first.getChange()) + " good");

        var why = act().setReason("DATA_CORRECTED").setBasis(Basis.BASIS_DATA_CORRECTED)
                .setRationale("The results of one school were counted twice.");
        var lowering = grade("adequate", why)
                .setExpected(Expectation.newBuilder().setPosition(first.getPosition())).build();
        var second = inspector.setGrade(lowering);
        System.out.println("graded: " + bare(second.getChange()) + " adequate");

        var late = lowering.toBuilder();
        late.getActBuilder().setRequestId(UUID.randomUUID().toString());
        var stale = refusal(() -> inspector.setGrade(late.build()));
        check(stale.info.getMetadataOrThrow("position").equals("" + second.getPosition())
                && stale.info.getMetadataOrThrow("record_id").equals(second.getRecordId()),
                "another record won: " + stale.info);
        System.out.println("refused: " + stale + ", and the winner is our own record");

        // As after an answer that was lost: nothing is recorded twice under one request id.
        var again = inspector.setGrade(lowering);
        check(again.equals(second.toBuilder().setReplayed(true).build()),
                "another receipt: " + again);
        System.out.println("repeated: the same receipt, replayed");

        System.out.println("refused: " + refusal(() -> inspector.setGrade(lowering.toBuilder()
                .setGrade(Grade.newBuilder().setWord("inadequate")).build())));
        return List.of(opened, first, second);
    }

    static Act.Builder act() {
        return Act.newBuilder().setRequestId(UUID.randomUUID().toString());
    }

    static SetGradeRequest.Builder grade(String word, Act.Builder act) {
        return SetGradeRequest.newBuilder().setAssessment(ASSESSMENT).setAct(act).setArea(AREA)
                .setGrade(Grade.newBuilder().setWord(word));
    }

    static String bare(ChangeKind change) {
        return change.name().replace("CHANGE_KIND_", "");
    }

    record Refusal(String code, ErrorInfo info) {
        @Override
        public String toString() {
            return code + " " + info.getReason();
        }
    }

    /** Why a call is refused: its code, and the ErrorInfo in the details of its status. */
    static Refusal refusal(Callable<?> call) throws Exception {
        try {
            throw new Unexpected("it was not refused: " + call.call());
        } catch (StatusRuntimeException refused) {
            for (var detail : StatusProto.fromThrowable(refused).getDetailsList())
                if (detail.is(ErrorInfo.class))
                    return new Refusal(refused.getStatus().getCode().name(),
                            detail.unpack(ErrorInfo.class));
            throw refused;
        }
    }

    void read(List<Receipt> written) throws Exception {
        var nonsense = StreamRecordsRequest.newBuilder().setExpression("nonsense =").build();
        System.out.println("refused stream: "
                + refusal(() -> audit.streamRecords(nonsense).next()));

        var history = audit.getGradeHistory(GetGradeHistoryRequest.newBuilder()
                .setAssessment(ASSESSMENT).setArea(AREA)
                .setMinPosition(written.get(2).getPosition()).build());
        System.out.println("history: " + history.getRowsList().stream()
                .map(row -> told(row.getGrade())).collect(Collectors.joining(", ")));

        var now = GetAssessmentRequest.newBuilder().setName(ASSESSMENT)
                .setMinPosition(written.get(2).getPosition()).build();
        var before = now.toBuilder().setKnownAtPosition(written.get(1).getPosition()).build();
        System.out.println("known before: " + word(before) + ", known now: " + word(now));

        var sent = records(0, 1);
        sent.addAll(records(sent.get(0).getPosition(), Integer.MAX_VALUE));
        var events = sent.stream().map(Story::event).toList();
        check(sent.stream().map(Record::getPosition).toList()
                .equals(written.stream().map(Receipt::getPosition).toList()),
                "other records were sent: " + events);
        System.out.println("streamed: " + events.get(0) + ", then "
                + String.join(", ", events.subList(1, events.size())));
    }

    /** {@code AWARDED good}, or {@code LOWERED good to adequate}. */
    static String told(GradeChange it) {
        var before = it.hasBefore() ? it.getBefore().getWord() + " to " : "";
        return bare(it.getChange()) + " " + before + it.getAfter().getWord();
    }

    String word(GetAssessmentRequest asked) {
        return inspector.getAssessment(asked).getJudgementsList().stream()
                .filter(it -> it.getArea().equals(AREA)).findFirst().orElseThrow()
                .getAward().getWord();
    }

    /** The records after a position, at most so many: then the call is cancelled. */
    List<Record> records(long after, int most) throws Exception {
        var asked = StreamRecordsRequest.newBuilder().setAfterPosition(after)
                .addStreams(ASSESSMENT).setCatchUpOnly(true).build();
        var records = new ArrayList<Record>();
        try (var call = Context.current().withCancellation()) {
            var answers = call.wrap(() -> audit.streamRecords(asked)).call();
            while (records.size() < most && answers.hasNext()) {
                var answer = answers.next();
                if (answer.hasRecord()) records.add(answer.getRecord().getRecord());
            }
        }
        return records;
    }

    /** An event's name, for example {@code GradeSet}: that of the message in the oneof. */
    static String event(Record record) {
        var event = Record.getDescriptor().getOneofs().get(0);
        return record.getOneofFieldDescriptor(event).getMessageType().getName();
    }

    void prove(Receipt receipt) throws Exception {
        var trail = transparency.getTrail(GetTrailRequest.newBuilder()
                .setAssessment(ASSESSMENT).setMinSize(receipt.getPosition()).build());
        var tree = trail.getCheckpoint();
        var proven = trail.getRecordsList().stream()
                .filter(it -> it.getPosition() == receipt.getPosition()).findFirst().orElseThrow();
        var record = proven.getRecord().toByteArray();
        check(tree.getRoot().equals(Proof.fold(record, proven, tree.getSize())),
                "the proof does not lead to the root");
        record[record.length - 1] ^= 1;
        check(!tree.getRoot().equals(Proof.fold(record, proven, tree.getSize())),
                "a spoiled record leads to the root");
        System.out.println("proved: the record is in the tree, and a spoiled one is not");

        // The text of a note ends with the newline before its last empty line; signatures follow.
        var note = tree.getNote().toStringUtf8();
        var end = note.lastIndexOf("\n\n") + 1;
        var text = note.substring(0, end);
        var signatures = note.substring(end + 1).lines().toList();
        var key = System.getenv("LEDGER_KEY");
        check(Proof.signed(text, signatures, key), "the checkpoint is not signed by LEDGER_KEY");
        var lines = text.split("\n");
        check(lines[1].equals("" + tree.getSize())
                && Arrays.equals(Proof.decoded(lines[2]), tree.getRoot().toByteArray()),
                "another tree is signed");
        lines[1] += "0";
        check(!Proof.signed(String.join("\n", lines) + "\n", signatures, key),
                "a spoiled text is signed, too");
        System.out.println("signed: the ledger signed that tree, and not a spoiled one");
    }
}
