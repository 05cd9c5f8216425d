//! Clients that hold resources: connections, calls, responses.

use std::time::Duration;

use h2::Reason;

use crate::{
    flood::{STREAM, UNARY},
    peer::{Kind, Peer, Setting},
    target::Faces,
};

/// The maximum number of concurrent calls of a connection.
const CALLS: u32 = 1_000;

/// The number of connections that hold resources.
const CONNECTIONS: usize = 1_000;

/// A call whose response is hundreds of times larger than its request.
const LARGE_RESPONSE: &str = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// `file_containing_symbol` (field 4)
const SYMBOL: &[u8] = b"\x22\x25passbridge.v1.RegistrationCodeService";

/// A valid request: `value` (field 1)
const VALUE: &[u8] = b"\x0a\x01a";

const PAUSE: Duration = Duration::from_millis(50);

pub fn zero_windows(faces: Faces) -> String {
    let mut peer = Peer::begin(faces.grpc, &[(Setting::InitialWindowSize, 0)]);
    let reading = peer.reading();
    peer.flood(CALLS, |peer, number| peer.call(2 * number + 1, UNARY, VALUE));
    let end = reading.end();
    assert_eq!(end.resets_for(Reason::CANCEL), CALLS as usize, "{end}");
    end.to_string()
}

pub fn one_byte_windows(faces: Faces) -> String {
    let mut peer = Peer::begin(faces.grpc, &[(Setting::InitialWindowSize, 1)]);
    let reading = peer.reading();
    peer.flood(CALLS, |peer, number| peer.call(2 * number + 1, UNARY, VALUE));
    let end = reading.end();
    assert!(end.is_closed, "{end}");
    end.to_string()
}

/// Makes calls with large responses.
fn with_large_responses(faces: Faces) -> Peer {
    let most = (1 << 31) - 1;
    let mut peer = Peer::begin(faces.grpc, &[(Setting::InitialWindowSize, most)]);
    peer.frame(Kind::WindowUpdate, 0, 0, &(most - 65_535).to_be_bytes());
    peer.flood(CALLS, |peer, number| peer.call(2 * number + 1, LARGE_RESPONSE, SYMBOL));
    peer
}

pub fn answers_unread(faces: Faces) -> String {
    let mut peer = with_large_responses(faces);
    while ping(&mut peer) {}
    let end = peer.end();
    assert!(end.is_closed, "{end}");
    end.to_string()
}

pub fn answers_read_byte_by_byte(faces: Faces) -> String {
    let mut peer = with_large_responses(faces);
    while ping(&mut peer) && peer.read_byte() {}
    let end = peer.end();
    assert!(end.is_closed, "{end}");
    end.to_string()
}

pub fn silence(faces: Faces) -> String {
    let mut peer = Peer::begin(faces.grpc, &[]);
    let reading = peer.reading();
    // The open call keeps the idle timeout from closing the connection.
    peer.head(1, STREAM, 0);
    peer.send();
    let end = reading.end();
    assert!(end.is_go_away(Reason::NO_ERROR), "{end}");
    end.to_string()
}

pub fn headers_in_drops(faces: Faces) -> String {
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| Peer::begin(faces.grpc, &[])).collect();
    for peer in &mut peers {
        // None of the announced thousand bytes is sent yet.
        peer.head_of_frame(1_000, Kind::Headers, 0, 1);
        peer.send();
    }
    // Sends a byte to every connection, not only to the first open one.
    while peers.iter_mut().filter_map(|peer| peer.send_byte().then_some(())).count() > 0 {
        std::thread::sleep(PAUSE);
    }
    let ends: Vec<_> = peers.into_iter().map(Peer::end).collect();
    assert!(ends.iter().all(|end| end.is_closed), "{ends:?}");
    format!("{CONNECTIONS} connections: {}", ends[0])
}

pub fn message_in_drops(faces: Faces) -> String {
    let mut peer = Peer::begin(faces.grpc, &[]);
    let reading = peer.reading();
    peer.head(1, UNARY, 0);
    peer.frame(Kind::Data, 0, 1, &[0, 0, 0, 0, 200]);
    // Sends until the server responds; a reset also counts.
    for _ in 0..150 {
        peer.frame(Kind::Data, 0, 1, b"a");
        peer.send();
        std::thread::sleep(PAUSE);
    }
    let end = reading.end();
    assert!(end.headers == 1 && end.is_closed, "{end}");
    format!("DEADLINE_EXCEEDED, {end}")
}

/// Sends a PING; returns whether the server still accepts data.
fn ping(peer: &mut Peer) -> bool {
    std::thread::sleep(PAUSE);
    peer.frame(Kind::Ping, 0, 0, &[0; 8]);
    peer.send()
}
