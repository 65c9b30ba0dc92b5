//! Records as they come.

use std::{convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderMap, header};
use serde::Deserialize;
use tokio::time::sleep;
use tonic::Streaming;

use super::{Frame, Read, Shown, rows::Row, shown};
use crate::{
    console::{Console, asked::Query, fault::Fault, visitor::Visitor},
    pb::{self, query_audit_request::KnownAt, stream_records_response::Message},
};

/// Rows of the page, and at most of one piece of news.
const ROWS: i32 = 50;

/// How long records are gathered before they are shown: nobody reads faster.
const GATHER: Duration = Duration::from_millis(250);

#[derive(Template)]
#[template(path = "stream.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    read: Read,
    rows: Vec<Row>,
}

/// Rows alone, for a page that is there.
#[derive(Template)]
#[template(path = "news.html", config = "src/console/askama.toml")]
struct Rows {
    rows: Vec<Row>,
    /// The first and the last record that came and are too many to show.
    left_out: Option<(u64, u64)>,
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
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<After>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let after = seen.unwrap_or(asked.after);
    let request = pb::StreamRecordsRequest { after_position: after, ..Default::default() };
    let records = visitor.audits().stream_records(request).await?.into_inner();
    let reader = Reader { console, visitor, records, shown: after, known: after };
    let news = unfold(reader, |mut reader| async move {
        let piece = reader.next().await?;
        Some((Ok::<_, Infallible>(piece), reader))
    });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(news)).into_response())
}

/// Who looks at the page of records, and what was shown there.
struct Reader {
    console: Console,
    visitor: Visitor,
    records: Streaming<pb::StreamRecordsResponse>,
    /// Up to here.
    shown: u64,
    /// So many there are.
    known: u64,
}

impl Reader {
    /// The rows of records that came, as one event; nothing once the stream has ended, or the session.
    async fn next(&mut self) -> Option<Bytes> {
        self.take().await?;
        // Some more may come at once.
        let gathered = sleep(GATHER);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                biased;
                () = &mut gathered => break,
                more = self.take() => more?,
            }
        }
        if !self.visitor.is_still_here(&self.console) {
            return None;
        }
        let piece = self.piece().await?;
        self.shown = self.known;
        Some(piece)
    }

    /// Takes messages until one brings a record. Where the stream ends, the browser asks again, with the
    /// last that it has seen.
    async fn take(&mut self) -> Option<()> {
        loop {
            let message = self.records.message().await.ok()??;
            if let Some(Message::Record(streamed)) = message.message {
                let next = self.known.saturating_add(1);
                let at = streamed.record.map_or(next, |it| it.position);
                self.known = self.known.max(at);
                return Some(());
            }
        }
    }

    async fn piece(&self) -> Option<Bytes> {
        let came = self.known.saturating_sub(self.shown);
        let wanted = i32::try_from(came).unwrap_or(ROWS).min(ROWS);
        let newest = newest(&self.visitor, Some(self.known), wanted).await.ok()?;
        let rows: Vec<_> = newest.rows.iter().filter(|row| row.position > self.shown).collect();
        let first = rows.iter().map(|row| row.position).min().unwrap_or(self.known);
        let from = self.shown.saturating_add(1);
        let left_out = (first > from && rows.len() >= usize::try_from(wanted).unwrap_or(0))
            .then(|| (from, first.saturating_sub(1)));
        let rows = Rows { rows: rows.into_iter().map(Row::of).collect(), left_out };
        Some(event(self.known, &rows.render().ok()?))
    }
}

/// One event. Its lines end at a carriage return as well, which a text may hold.
fn event(id: u64, markup: &str) -> Bytes {
    let data: Vec<_> =
        markup.replace('\r', "&#13;").lines().map(|line| format!("data: {line}\n")).collect();
    Bytes::from(format!("id: {id}\n{}\n", data.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_adds_a_field_to_an_event() {
        let told = event(7, "<td>a\revent: x\rid: 9</td>\nnext");
        assert_eq!(told, "id: 7\ndata: <td>a&#13;event: x&#13;id: 9</td>\ndata: next\n\n");
    }
}
