//! Tests of the wall clock that a test controls.

use std::{thread, time::Duration};

use test_engine::{FakedTime, Product, Reply, Server, ServerOptions};

use crate::support::{PRODUCTS, eventually};

const START: u64 = 1_700_000_000_123;
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_hours(24);

fn server(product: Product, time: &FakedTime) -> Server {
    Server::start(ServerOptions { product, time: Some(time.clone()), ..ServerOptions::default() })
}

#[test]
fn a_key_expires_one_millisecond_after_its_expiry_time() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let server = server(product, &time);
        server.command(&["SET", "key", "value", "PXAT", &(START + 5000).to_string()]);
        time.advance(Duration::from_secs(5) - MILLISECOND);
        assert_eq!(server.command(&["PTTL", "key"]).integer(), 1);
        time.advance(MILLISECOND);
        assert_eq!(server.command(&["GET", "key"]).text(), "value");
        time.advance(MILLISECOND);
        assert_eq!(server.command(&["GET", "key"]), Reply::Nil);
    }
}

#[test]
fn commands_and_scripts_read_the_same_time() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let server = server(product, &time);
        time.advance(Duration::from_micros(7));
        let reply = server.command(&["TIME"]);
        assert_eq!(reply.elements().iter().map(Reply::integer).collect::<Vec<_>>(), [1_700_000_000, 123_007]);
        assert_eq!(server.command(&["EVAL", "return redis.call('TIME')", "0"]), reply);
        assert_eq!(time.unix_ms(), START);
        time.set(START - 123);
        assert_eq!(server.command(&["TIME"]).elements()[0].integer(), 1_700_000_000);
        assert_eq!(server.command(&["TIME"]).elements()[1].integer(), 0);
    }
}

#[test]
fn a_write_reaches_a_replica_while_time_stands_still_and_after_a_jump() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let primary = server(product, &time);
        let options = ServerOptions { product, time: Some(time.clone()), ..ServerOptions::default() };
        let replica = Server::start(options.replica_of(&primary));
        for value in ["one", "two"] {
            let mut connection = primary.connect().expect("up");
            connection.ask(&["SET", "key", value]).expect("answered");
            let acknowledged = connection.ask(&["WAIT", "1", "0"]).expect("answered");
            assert_eq!(acknowledged.integer(), 1);
            assert_eq!(replica.command(&["GET", "key"]).text(), value);
            time.advance(400 * DAY);
        }
    }
}

#[test]
fn an_unacknowledged_wait_ends_when_the_clock_passes_its_timeout() {
    for product in PRODUCTS {
        let time = FakedTime::at(START);
        let server = server(product, &time);
        let mut connection = server.connect().expect("up");
        connection.ask(&["SET", "key", "value"]).expect("answered");
        thread::scope(|scope| {
            let waits = scope.spawn(|| connection.ask(&["WAIT", "1", "100"]).expect("answered"));
            eventually(|| server.command(&["INFO", "clients"]).text().contains("blocked_clients:1"));
            time.advance(Duration::from_millis(101));
            assert_eq!(waits.join().expect("ends").integer(), 0);
        });
    }
}

#[test]
fn messages_reach_subscribers_while_time_stands_still() {
    for product in PRODUCTS {
        let server = server(product, &FakedTime::at(START));
        let mut subscriber = server.connect().expect("up");
        subscriber.ask(&["SUBSCRIBE", "channel"]).expect("answered");
        assert_eq!(server.command(&["PUBLISH", "channel", "message"]).integer(), 1);
        let message = subscriber.receive().expect("a message");
        let message: Vec<_> = message.elements().iter().map(Reply::text).collect();
        assert_eq!(message, ["message", "channel", "message"]);
    }
}
