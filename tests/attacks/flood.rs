//! Floods of frames over one connection.

use h2::Reason;

use crate::{
    peer::{ACK, END_HEADERS, END_STREAM, Kind, Peer, Setting, literal},
    target::Faces,
};

/// A call with one small response.
pub const UNARY: &str = "passbridge.v1.DeviceInfoService/HashIdentifier";

/// A call that continues until the client ends its stream.
pub const STREAM: &str = "passbridge.v1.TempPassService/BatchResetTempPass";

/// More frames than any limit allows.
const MANY: u32 = 100_000;

/// The largest window and the largest increment (RFC 9113, section 6.9.1).
const WINDOW_MAX: u32 = (1 << 31) - 1;

const fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// Sends these frames repeatedly and returns how the connection ended.
fn flood(faces: Faces, add: impl FnMut(&mut Peer, u32)) -> crate::peer::End {
    let mut peer = Peer::begin(faces.grpc, &[]);
    let reading = peer.reading();
    peer.flood(MANY, add);
    peer.finish();
    reading.end()
}

/// Floods a server that must send GOAWAY with this reason.
fn cut_off(faces: Faces, reason: Reason, add: impl FnMut(&mut Peer, u32)) -> String {
    let end = flood(faces, add);
    assert!(end.is_go_away(reason), "{end}");
    end.to_string()
}

/// Floods a server that must accept everything.
fn accepted(faces: Faces, add: impl FnMut(&mut Peer, u32)) -> String {
    let end = flood(faces, add);
    assert!(end.go_away.is_none_or(|reason| reason == 0) && end.resets.is_empty(), "{end}");
    "accepted".to_owned()
}

/// Floods a server without reading what it sends.
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
        // A window larger than allowed.
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
    // A field that is added to the table (RFC 7541, section 6.2.1), then its index repeatedly.
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
    accepted(faces, |peer, number| peer.settings(&[(Setting::HeaderTableSize, number)]))
}

pub fn settings_unread(faces: Faces) -> String {
    unread(faces, |peer| peer.settings(&[]))
}

pub fn pings(faces: Faces) -> String {
    accepted(faces, |peer, _| peer.frame(Kind::Ping, 0, 0, &[0; 8]))
}

pub fn pings_unread(faces: Faces) -> String {
    unread(faces, |peer| peer.frame(Kind::Ping, 0, 0, &[0; 8]))
}

pub fn ping_acknowledgments(faces: Faces) -> String {
    accepted(faces, |peer, _| peer.frame(Kind::Ping, ACK, 0, &[0; 8]))
}

pub fn settings_acknowledgments(faces: Faces) -> String {
    cut_off(faces, Reason::PROTOCOL_ERROR, |peer, _| peer.frame(Kind::Settings, ACK, 0, &[]))
}

pub fn priorities(faces: Faces) -> String {
    accepted(faces, |peer, number| peer.frame(Kind::Priority, 0, stream(number), &[0, 0, 0, 0, 16]))
}

pub fn window_updates(faces: Faces) -> String {
    accepted(faces, |peer, _| peer.frame(Kind::WindowUpdate, 0, 0, &1u32.to_be_bytes()))
}

pub fn window_overflow(faces: Faces) -> String {
    let update = |peer: &mut Peer, _| peer.frame(Kind::WindowUpdate, 0, 0, &WINDOW_MAX.to_be_bytes());
    cut_off(faces, Reason::FLOW_CONTROL_ERROR, update)
}
