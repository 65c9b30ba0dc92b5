//! What is spoken on the port: gRPC and gRPC-Web, and what who speaks something else is told.

use super::*;
use tower::ServiceExt as _;

/// An HTTP/1.1 exchange with a method, in a content type.
async fn post(server: &Running, content_type: &str, body: &[u8]) -> String {
    let head = format!(
        "POST {GET} HTTP/1.1\r\nContent-Type: {content_type}\r\nAuthorization: Bearer {}\r\n",
        server.token
    );
    browser(server, &head, body).await
}

#[tokio::test]
async fn who_speaks_another_protocol_is_told_which_are_spoken() {
    let server = running(LIMITS).await;
    for other in [
        "application/json",
        "application/connect+proto",
        "application/grpc+json",
        "text/plain",
        "application/grpc",
    ] {
        let answer = post(&server, other, &[0; 5]).await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{other}: {answer}");
        assert!(answer.contains("calls of gRPC and gRPC-Web alone"), "{other}: {answer}");
    }
    for ours in ["application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text"]
    {
        let answer = post(&server, ours, &[0; 5]).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{ours}: {answer}");
    }
    // Over HTTP/2 as well, where gRPC is spoken.
    let uri = format!("http://{}{GET}", server.address);
    for (content_type, code) in [("application/json", 415), ("application/grpc+proto", 200)] {
        let request = http::Request::post(&uri)
            .header("content-type", content_type)
            .header("te", "trailers")
            .body(tonic::body::Body::empty())
            .unwrap();
        let answer = server.channel.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), code, "{content_type}");
    }
}

#[tokio::test]
async fn base64_that_is_none_is_malformed() {
    let server = running(LIMITS).await;
    let answer = post(&server, "application/grpc-web-text", b"!!").await;
    assert!(answer.contains("grpc-status: 3") || answer.contains("grpc-status:3"), "{answer}");
    assert!(!answer.contains("tonic"), "{answer}");
    assert!(answer.contains("grpc-status-details-bin"), "{answer}");
}
