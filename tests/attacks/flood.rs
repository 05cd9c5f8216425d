//! Frames without number, over one connection.

use h2::Reason;

use crate::{
    peer::{ACK, END_HEADERS, END_STREAM, Kind, Peer, Setting, literal},
    target::Faces,
};

/// A call with one small answer.
pub const UNARY: &str = "passbridge.v1.DeviceInfoService/HashIdentifier";

/// A call that goes on until its client has said all.
pub const STREAM: &str = "passbridge.v1.TempPassService/BatchResetTempPass";

/// More than any limit lets through.
const MANY: u32 = 100_000;

/// The largest window, and the largest step of one (RFC 9113, section 6.9.1).
const WINDOW_MAX: u32 = (1 << 31) - 1;

const fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// What the client learns of the end of a connection over which it sends this again and again.
fn flood(faces: Faces, add: impl FnMut(&mut Peer, u32)) -> crate::peer::End {
    let mut peer = Peer::begin(faces.grpc, &[]);
    let reading = peer.reading();
    peer.flood(MANY, add);
    peer.finish();
    reading.end()
}

/// The same, where the server must have said goodbye.
fn cut_off(faces: Faces, reason: Reason, add: impl FnMut(&mut Peer, u32)) -> String {
    let end = flood(faces, add);
    assert!(end.is_goodbye(reason), "{end}");
    end.to_string()
}

/// The same, where the server takes it all.
fn taken(faces: Faces, add: impl FnMut(&mut Peer, u32)) -> String {
    let end = flood(faces, add);
    assert!(end.go_away.is_none_or(|reason| reason == 0) && end.resets.is_empty(), "{end}");
    "accepted".to_owned()
}

/// The same, where nothing is read of what the server has to send back.
fn unread(faces: Faces, mut add: impl FnMut(&mut Peer)) -> String {
    let mut peer = Peer::begin(faces.grpc, &[]);
    peer.flood(u32::MAX, |peer, _| add(peer));
    let end = peer.end();
    assert!(end.is_closed && end.go_away.is_none(), "{end}");
    end.to_string()
}

pub fn rapid_reset(faces: Faces) -> String {
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| {
        peer.head(stream(number), UNARY, 0);
        peer.frame(Kind::Reset, 0, stream(number), &u32::from(Reason::CANCEL).to_be_bytes());
    })
}

pub fn server_made_resets(faces: Faces) -> String {
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| {
        peer.head(stream(number), STREAM, 0);
        // More room than there can be.
        peer.frame(Kind::WindowUpdate, 0, stream(number), &WINDOW_MAX.to_be_bytes());
    })
}

pub fn continuation(faces: Faces) -> String {
    let fields = literal("x-odd", &[b'a'; 8_000]);
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| {
        let kind = if number == 0 { Kind::Headers } else { Kind::Continuation };
        peer.frame(kind, 0, 1, &fields);
    })
}

pub fn hpack_bomb(faces: Faces) -> String {
    // A field that goes into the table (RFC 7541, section 6.2.1), and then its index again and again.
    let mut bomb = literal("x-odd", &[b'a'; 3_900]);
    bomb[0] = 0x40;
    bomb.extend([0x80 | 62; 12_000]);
    let whole = END_STREAM | END_HEADERS;
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| {
        if number < 900 {
            peer.frame(Kind::Headers, whole, stream(number), &bomb);
        }
    })
}

pub fn empty_frames(faces: Faces) -> String {
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| {
        if number == 0 {
            peer.head(1, STREAM, 0);
        }
        peer.frame(Kind::Data, 0, 1, &[]);
    })
}

pub fn streams(faces: Faces) -> String {
    cut_off(faces, Reason::ENHANCE_YOUR_CALM, |peer, number| peer.head(stream(number), STREAM, 0))
}

pub fn settings(faces: Faces) -> String {
    taken(faces, |peer, number| peer.settings(&[(Setting::HeaderTableSize, number)]))
}

pub fn settings_unread(faces: Faces) -> String {
    unread(faces, |peer| peer.settings(&[]))
}

pub fn pings(faces: Faces) -> String {
    taken(faces, |peer, _| peer.frame(Kind::Ping, 0, 0, &[0; 8]))
}

pub fn pings_unread(faces: Faces) -> String {
    unread(faces, |peer| peer.frame(Kind::Ping, 0, 0, &[0; 8]))
}

pub fn ping_acknowledgements(faces: Faces) -> String {
    taken(faces, |peer, _| peer.frame(Kind::Ping, ACK, 0, &[0; 8]))
}

pub fn settings_acknowledgements(faces: Faces) -> String {
    cut_off(faces, Reason::PROTOCOL_ERROR, |peer, _| peer.frame(Kind::Settings, ACK, 0, &[]))
}

pub fn priorities(faces: Faces) -> String {
    taken(faces, |peer, number| peer.frame(Kind::Priority, 0, stream(number), &[0, 0, 0, 0, 16]))
}

pub fn window_updates(faces: Faces) -> String {
    taken(faces, |peer, _| peer.frame(Kind::WindowUpdate, 0, 0, &1u32.to_be_bytes()))
}

pub fn window_overflow(faces: Faces) -> String {
    let update = |peer: &mut Peer, _| peer.frame(Kind::WindowUpdate, 0, 0, &WINDOW_MAX.to_be_bytes());
    cut_off(faces, Reason::FLOW_CONTROL_ERROR, update)
}
