//! What the server tells of its services to tools without proto files.

use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use tonic_reflection::pb::{v1, v1alpha};

use super::*;

/// Whether a file that was served still says which fields must be there, which tools show.
fn tells_which_fields_are_required(file: &[u8]) {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let option = pool.get_extension_by_name("google.api.field_behavior").unwrap();
    let form = pool.get_message_by_name("google.protobuf.FileDescriptorProto").unwrap();
    let file = DynamicMessage::decode(form, file).unwrap();
    let of = |message: &DynamicMessage, field: &str, name: &str| {
        let all = message.get_field_by_name(field).unwrap().as_list().unwrap().to_vec();
        let mut all = all.into_iter().map(|it| it.as_message().unwrap().clone());
        all.find(|it| it.get_field_by_name("name").unwrap().as_str() == Some(name)).unwrap()
    };
    let request = of(&file, "message_type", "SetGradeRequest");
    for (name, required) in [("area", true), ("validate_only", false)] {
        let field = of(&request, "field", name);
        let options = field.get_field_by_name("options").unwrap().into_owned();
        let said = options.as_message().unwrap().get_extension(&option).into_owned();
        let expected = if required { vec![Value::EnumNumber(2)] } else { Vec::new() };
        assert_eq!(said, Value::List(expected), "{name}");
    }
}

#[tokio::test]
async fn reflection_is_told_to_anybody_in_gzip() {
    let server = running(LIMITS).await;
    let gzip = CompressionEncoding::Gzip;

    let asked = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone())
            .send_compressed(gzip)
            .accept_compressed(gzip);
    let answers = client.server_reflection_info(tokio_stream::once(asked)).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["AssessmentService", "AuditService", "FrameworkService", "ReportService"] {
        assert!(names.contains(&format!("judgement.ledger.v1.{name}")), "{names:?}");
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
}

#[tokio::test]
async fn reflection_speaks_the_older_version_that_many_tools_need() {
    use v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse;
    let server = running(LIMITS).await;
    let gzip = CompressionEncoding::Gzip;
    for symbol in
        ["judgement.ledger.v1.SetGradeRequest", "grpc.health.v1.Health", "google.rpc.ErrorInfo"]
    {
        let asked = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                    symbol.to_owned(),
                ),
            ),
        };
        let mut client =
            v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel.clone())
                .send_compressed(gzip)
                .accept_compressed(gzip);
        let answers = client.server_reflection_info(tokio_stream::once(asked)).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(FileDescriptorResponse(files)) = answer.message_response else {
            panic!("no file has {symbol}");
        };
        assert!(!files.file_descriptor_proto.is_empty());
        if symbol.starts_with("judgement") {
            tells_which_fields_are_required(&files.file_descriptor_proto[0]);
        }
    }
}
