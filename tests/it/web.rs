//! Plain HTTP/1.1, spoken by hand: what is asked and what comes back, to the byte.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

/// An answer to a plain request over HTTP/1.1: its code, its head and its body.
#[derive(Debug)]
pub struct Fetched {
    pub code: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Fetched {
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

/// A file or a page, as who bears a token gets it.
pub async fn fetch(address: SocketAddr, path: &str, token: Option<&str>) -> Fetched {
    let bearer = token.map(|it| format!("Authorization: Bearer {it}\r\n")).unwrap_or_default();
    ask(address, "GET", path, &bearer, "").await
}

/// The answer to any request. `headers` are whole lines.
pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Fetched {
    let stream = TcpStream::connect(address).await.unwrap();
    ask_over(stream, method, path, headers, body).await
}

/// The same over a connection that is there.
pub async fn ask_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Fetched {
    let length =
        if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: ledger\r\nConnection: close\r\n{headers}{length}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let at = all.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..at].to_vec()).unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = all[at + 4..].to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Fetched { code, head, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|it| it == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
        if length == 0 {
            return body;
        }
    }
}
