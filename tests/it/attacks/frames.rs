//! HTTP/2 by hand: an attacker does not use a library that keeps to the rules. (RFC 9113, RFC 7541)

/// What a client says first. (RFC 9113 §3.4)
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The kinds of frames. (RFC 9113 §6)
pub const DATA: u8 = 0x0;
pub const HEADERS: u8 = 0x1;
pub const PRIORITY: u8 = 0x2;
pub const RST_STREAM: u8 = 0x3;
pub const SETTINGS: u8 = 0x4;
pub const PING: u8 = 0x6;
pub const GOAWAY: u8 = 0x7;
pub const WINDOW_UPDATE: u8 = 0x8;
pub const CONTINUATION: u8 = 0x9;

/// Flags: of acknowledgements, of the end of a stream, of the end of its headers.
pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

/// The largest frame that a peer takes unless it says otherwise.
pub const FRAME_MAX: usize = 16_384;

/// How much a peer may send of a stream before it is read.
pub const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(content);
    frame
}

/// Settings, as a client begins with them.
pub fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (which, value) in settings {
        content.extend(which.to_be_bytes());
        content.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &content)
}

/// The preface and settings.
pub fn greeting(said: &[(u16, u32)]) -> Vec<u8> {
    [PREFACE, &settings(said)].concat()
}

/// A header that is written out and kept by nobody. (RFC 7541 §6.2.2)
pub fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        length(block, text.len());
        block.extend(text.as_bytes());
    }
}

/// A number of which seven bits fit into the first byte. (RFC 7541 §5.1)
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// What is asked for: how, where, and by whom.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub token: Option<&'a str>,
    /// How the message is compressed, if it is.
    pub encoding: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// A call of a method.
    pub fn call(path: &'a str, token: Option<&'a str>) -> Self {
        Self { method: "POST", path, token, encoding: None }
    }

    /// A file over plain HTTP.
    pub fn file(path: &'a str) -> Self {
        Self { method: "GET", path, token: None, encoding: None }
    }

    /// Its headers.
    pub fn block(self) -> Vec<u8> {
        let mut block = Vec::new();
        field(&mut block, ":method", self.method);
        field(&mut block, ":scheme", "http");
        field(&mut block, ":path", self.path);
        field(&mut block, ":authority", "localhost");
        if self.method == "POST" {
            field(&mut block, "te", "trailers");
            field(&mut block, "content-type", "application/grpc");
        }
        if let Some(encoding) = self.encoding {
            field(&mut block, "grpc-encoding", encoding);
        }
        if let Some(token) = self.token {
            field(&mut block, "authorization", &format!("Bearer {token}"));
        }
        block
    }

    /// The frame that opens a stream with it.
    pub fn opens(self, stream: u32) -> Vec<u8> {
        frame(HEADERS, END_HEADERS, stream, &self.block())
    }

    /// The frame that opens a stream with it and nothing more.
    pub fn asks(self, stream: u32) -> Vec<u8> {
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &self.block())
    }
}

/// A message as gRPC frames it: compressed or not, its length, its bytes.
pub fn message(compressed: bool, content: &[u8]) -> Vec<u8> {
    declared(compressed, u32::try_from(content.len()).unwrap(), content)
}

/// A message that says to be so long.
pub fn declared(compressed: bool, length: u32, content: &[u8]) -> Vec<u8> {
    let mut message = vec![u8::from(compressed)];
    message.extend(length.to_be_bytes());
    message.extend(content);
    message
}

/// The numbers of the streams that a client opens.
pub fn streams() -> impl Iterator<Item = u32> {
    (1..1 << 31).step_by(2)
}

/// A frame that came.
pub struct Came<'b> {
    pub kind: u8,
    pub flags: u8,
    pub content: &'b [u8],
}

/// The frames in bytes that came, and how many bytes they are; what is there of another is left.
pub fn frames(bytes: &[u8]) -> (Vec<Came<'_>>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let Some(content) = bytes.get(at + 9..at + 9 + length) else { break };
        found.push(Came { kind: head[3], flags: head[4], content });
        at += 9 + length;
    }
    (found, at)
}
