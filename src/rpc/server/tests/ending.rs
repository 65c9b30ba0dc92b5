//! Streams that their callers' credentials end.

use super::*;

/// The echo has no end of its own: what ends it stands around every stream there is.
#[tokio::test]
async fn a_stream_that_does_not_end_with_its_credential_is_cut() {
    let server = running(LIMITS).await;
    let (sender, mut answers) = open_stream(&server, None).await.unwrap();
    let mut echoed = async || {
        sender.send(pb::ApplyStreamRequest::default()).await.unwrap();
        answers.message().await
    };
    assert!(echoed().await.unwrap().is_some());
    // A minute, and all but a second of the half by which clocks may differ.
    server.turn(89);
    assert!(echoed().await.unwrap().is_some());
    server.turn(90);
    // It is waited for by the hands of a clock that is not looked at here.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(15)).await;
    let last = tokio::time::timeout(Duration::from_mins(1), answers.message()).await.unwrap();
    assert_eq!(told(last), is(Code::Unauthenticated, "CREDENTIAL_EXPIRED"));
}
