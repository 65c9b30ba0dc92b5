//! Records as they come.

use std::{convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    body::Body,
    extract::Query,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use tokio::{sync::mpsc, time::sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Frame, Read, Shown, rows::Row, shown};
use crate::{
    console::{fault::Fault, visitor::Visitor},
    pb::{self, query_audit_request::KnownAt, stream_records_response::Message},
};

/// Rows of the page, and at most of one piece of news.
const ROWS: i32 = 50;

/// How long records are gathered before they are shown: nobody reads faster.
const GATHER: Duration = Duration::from_millis(250);

/// Pieces that wait for a browser: more than this and the ledger's stream waits as well.
const WAITING: usize = 4;

#[derive(Template)]
#[template(path = "stream.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    read: Read,
    rows: Vec<Row>,
}

/// Rows alone, for a page that is there.
#[derive(Template)]
#[template(path = "rows.html", config = "src/console/askama.toml")]
struct Rows {
    rows: Vec<Row>,
}

/// The newest records.
pub(in crate::console) async fn page(visitor: Visitor) -> Shown {
    let newest = newest(&visitor, None, ROWS).await?;
    shown(&Page {
        frame: Frame::new("Records as they come", Some(&visitor)),
        read: Read::of(newest.read.as_ref()),
        rows: newest.rows.iter().map(Row::of).collect(),
    })
}

async fn newest(
    visitor: &Visitor,
    known_at: Option<u64>,
    rows: i32,
) -> Result<pb::QueryAuditResponse, Fault> {
    let request = pb::QueryAuditRequest {
        page_size: rows,
        order: pb::AuditOrder::NewestFirst.into(),
        known_at: known_at.map(KnownAt::KnownAtPosition),
        ..pb::QueryAuditRequest::default()
    };
    Ok(visitor.audits().query_audit(request).await?.into_inner())
}

/// From where news is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct After {
    after: u64,
}

/// News of records after a position, as a browser's `EventSource` reads them. It goes on by itself after
/// the last that it has seen.
pub(in crate::console) async fn live(
    visitor: Visitor,
    Query(asked): Query<After>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let after = seen.unwrap_or(asked.after);
    let request = pb::StreamRecordsRequest { after_position: after, ..Default::default() };
    let records = visitor.audits().stream_records(request).await?.into_inner();
    let (tell, told) = mpsc::channel(WAITING);
    tokio::spawn(follow(visitor, records, after, tell));
    let body = Body::from_stream(ReceiverStream::new(told));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// Tells of records until the stream ends or nobody listens.
async fn follow(
    visitor: Visitor,
    mut records: Streaming<pb::StreamRecordsResponse>,
    after: u64,
    tell: mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let (mut shown, mut known) = (after, after);
    // When what is not shown yet will be.
    let gathered = sleep(GATHER);
    tokio::pin!(gathered);
    loop {
        let news = known > shown;
        tokio::select! {
            message = records.message() => match message {
                Ok(Some(message)) => {
                    known = known.max(reached(&message, known));
                    if !news {
                        gathered.set(sleep(GATHER));
                    }
                }
                // The browser asks again, with the last that it has seen.
                Ok(None) | Err(_) => return,
            },
            () = &mut gathered, if news => {
                let Some(piece) = piece(&visitor, shown, known).await else { return };
                if tell.send(Ok(piece)).await.is_err() {
                    return;
                }
                shown = known;
            }
            () = tell.closed() => return,
        }
    }
}

/// The last record that a message brings.
fn reached(message: &pb::StreamRecordsResponse, known: u64) -> u64 {
    match &message.message {
        Some(Message::Record(streamed)) => {
            streamed.record.as_ref().map_or_else(|| known.saturating_add(1), |it| it.position)
        }
        Some(Message::CaughtUp(_) | Message::Checkpoint(_)) | None => known,
    }
}

/// The rows of the records up to `known` that are not shown, as one event.
async fn piece(visitor: &Visitor, shown: u64, known: u64) -> Option<Bytes> {
    let wanted = i32::try_from(known.saturating_sub(shown)).unwrap_or(ROWS).min(ROWS);
    let newest = newest(visitor, Some(known), wanted).await.ok()?;
    let rows = newest.rows.iter().filter(|row| row.position > shown).map(Row::of).collect();
    let rows = Rows { rows }.render().ok()?;
    let data: Vec<_> = rows.lines().map(|line| format!("data: {line}\n")).collect();
    Some(Bytes::from(format!("id: {known}\n{}\n", data.concat())))
}
