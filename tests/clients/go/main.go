// The story of tests/clients/README.md, in Go.
//
// It is written for what Debian 12 has, Go 1.19 and gRPC 1.33. Newer ones have grpc.NewClient and
// insecure.NewCredentials instead of grpc.Dial and grpc.WithInsecure, and retry by themselves;
// before gRPC 1.40 the environment has to say GRPC_GO_RETRY=on.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	ledger "judgement/ledger/v1"
)

const (
	timeout = 10 * time.Second
	area    = "enjoying-and-achieving"
)

var assessment = os.Getenv("LEDGER_ASSESSMENT")

// client is the ledger as one login sees it.
type client struct {
	ledger.AssessmentServiceClient
	ledger.AuditServiceClient
	ledger.TransparencyServiceClient
}

// token goes with every call.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(t)}, nil
}

// RequireTransportSecurity would be true beyond this machine: a token is a secret.
func (token) RequireTransportSecurity() bool { return false }

// dial connects the login of a token by a channel that retries as the service config says.
func dial(variable string) client {
	config, err := os.ReadFile(os.Getenv("LEDGER_SERVICE_CONFIG"))
	must(err)
	connection, err := grpc.Dial(os.Getenv("LEDGER"), grpc.WithInsecure(),
		grpc.WithDefaultServiceConfig(string(config)),
		grpc.WithPerRPCCredentials(token(os.Getenv(variable))),
		grpc.WithUnaryInterceptor(withDeadline))
	must(err)
	return client{
		ledger.NewAssessmentServiceClient(connection),
		ledger.NewAuditServiceClient(connection),
		ledger.NewTransparencyServiceClient(connection),
	}
}

func withDeadline(ctx context.Context, method string, request, answer interface{},
	connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return invoke(ctx, method, request, answer, connection, options...)
}

func main() {
	ctx := context.Background()
	lead, inspector := dial("LEDGER_LEAD"), dial("LEDGER_INSPECTOR")
	first, second := write(ctx, lead, inspector)
	refuseStream(ctx, inspector)
	read(ctx, inspector, first, second)
	prove(ctx, inspector, second)
}

// write opens, grades, and is refused. It returns the receipts of both grades.
func write(ctx context.Context, lead, inspector client) (first, second *ledger.Receipt) {
	opened, err := lead.OpenAssessment(ctx, &ledger.OpenAssessmentRequest{
		Assessment: assessment, Act: act(),
		Framework: "frameworks/apa/versions/2006", Cycle: "2006",
	})
	must(err)
	fmt.Printf("opened: revision %d\n", opened.Revision)

	first, err = inspector.SetGrade(ctx, &ledger.SetGradeRequest{
		Assessment: assessment, Act: act(), Area: area, Grade: word("good"),
		Expected: &ledger.Expectation{Last: &ledger.Expectation_NoneYet{NoneYet: true}},
	})
	must(err)
	fmt.Printf("graded: %s good\n", kind(first.Change))

	lower := &ledger.SetGradeRequest{
		Assessment: assessment, Act: act(), Area: area, Grade: word("adequate"),
		Expected: &ledger.Expectation{Last: &ledger.Expectation_Position{Position: first.Position}},
	}
	lower.Act.Reason, lower.Act.Rationale = "DATA_CORRECTED", "Exclusions were counted wrongly."
	second, err = inspector.SetGrade(ctx, lower)
	must(err)
	fmt.Printf("graded: %s adequate\n", kind(second.Change))

	late := proto.Clone(lower).(*ledger.SetGradeRequest)
	late.Act.RequestId = uuid.NewString()
	_, err = inspector.SetGrade(ctx, late)
	refusal := reason(err)
	check(refusal.Metadata["position"] == strconv.FormatUint(second.Position, 10) &&
		refusal.Metadata["record_id"] == second.RecordId, "somebody else was first: %v", refusal)
	fmt.Printf("refused: %s, and the winner is our own record\n", said(err))

	// What was sent once may be sent again, whatever was heard of it.
	again, err := inspector.SetGrade(ctx, lower)
	must(err)
	check(again.Replayed && !second.Replayed, "it was recorded again: %v", again)
	again.Replayed = false
	check(proto.Equal(again, second), "it is another receipt: %v", again)
	fmt.Println("repeated: the same receipt, replayed")

	lower.Act.Rationale = "Something else."
	_, err = inspector.SetGrade(ctx, lower)
	fmt.Printf("refused: %s\n", said(err))
	return first, second
}

// refuseStream asks for records with an expression that is none: Recv tells why there are none.
func refuseStream(ctx context.Context, inspector client) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	records, err := inspector.StreamRecords(ctx, &ledger.StreamRecordsRequest{
		Expression: "nonsense =",
	})
	must(err)
	_, err = records.Recv()
	fmt.Printf("refused stream: %s\n", said(err))
}

// read tells what was written: how it came about, what was known when, and record by record.
func read(ctx context.Context, inspector client, first, second *ledger.Receipt) {
	history, err := inspector.GetGradeHistory(ctx, &ledger.GetGradeHistoryRequest{
		Assessment: assessment, Area: area, MinPosition: second.Position,
	})
	must(err)
	var changes []string
	for _, row := range history.Rows {
		change := kind(row.Grade.Change) + " "
		if row.Grade.Before != nil {
			change += row.Grade.Before.Word + " to "
		}
		changes = append(changes, change+row.Grade.After.Word)
	}
	fmt.Printf("history: %s\n", strings.Join(changes, ", "))

	then, err := inspector.GetAssessment(ctx, &ledger.GetAssessmentRequest{
		Name:    assessment,
		KnownAt: &ledger.GetAssessmentRequest_KnownAtPosition{KnownAtPosition: first.Position},
	})
	must(err)
	now, err := inspector.GetAssessment(ctx, &ledger.GetAssessmentRequest{
		Name: assessment, MinPosition: second.Position,
	})
	must(err)
	fmt.Printf("known before: %s, known now: %s\n",
		then.Judgements[0].Award.Word, now.Judgements[0].Award.Word)

	start := stream(ctx, inspector, 0, 1)
	rest := stream(ctx, inspector, start[0].Position, 0)
	fmt.Printf("streamed: %s, then %s, %s\n", event(start[0]), event(rest[0]), event(rest[1]))
	check(len(rest) == 2, "there are more records: %v", rest)
}

// stream reads the assessment's records after a position: so many, or all if 0.
func stream(ctx context.Context, inspector client, after uint64, most int) (all []*ledger.Record) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel() // Ends the stream where it was not read to its end.
	records, err := inspector.StreamRecords(ctx, &ledger.StreamRecordsRequest{
		AfterPosition: after, Streams: []string{assessment}, CatchUpOnly: true,
	})
	must(err)
	for most == 0 || len(all) < most {
		message, err := records.Recv()
		if err == io.EOF {
			return all
		}
		must(err)
		if record := message.GetRecord(); record != nil {
			all = append(all, record.Record)
		}
	}
	return all
}

// act makes a command of its own: its id is made once, however often it is sent.
func act() *ledger.Act { return &ledger.Act{RequestId: uuid.NewString()} }

func word(it string) *ledger.Grade { return &ledger.Grade{Award: &ledger.Grade_Word{Word: it}} }

func kind(change ledger.ChangeKind) string {
	return strings.TrimPrefix(change.String(), "CHANGE_KIND_")
}

// event is the name of what happened.
func event(record *ledger.Record) string {
	message := record.ProtoReflect()
	event := message.WhichOneof(message.Descriptor().Oneofs().ByName("event"))
	return string(event.Message().Name())
}

// reason is why a call was refused.
func reason(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			return info
		}
	}
	log.Panicf("it was not refused for a reason: %v", err)
	return nil
}

// said is the code and reason of a refusal.
func said(err error) string {
	return code.Code(status.Code(err)).String() + " " + reason(err).Reason
}

func must(err error) { check(err == nil, "%v", err) }

func check(held bool, otherwise string, values ...interface{}) {
	if !held {
		log.Panicf(otherwise, values...)
	}
}
