//! Denial-of-service attacks on the real program while other clients are served. Each attack must have its stated outcome,
//! its connections must be closed, and no call of another client may fail meanwhile.
//!
//! `cargo test --release --test attacks -- --ignored --nocapture` runs them one by one and prints the table in
//! `docs/security.md`.

#![forbid(unsafe_code)]

mod bystander;
mod flood;
mod handshake;
mod held_resources;
mod peer;
mod rest;
mod support;
mod table;
mod target;

use bystander::Bystander;
use support::{raw::RawChannel, request::create};
use target::{Attack, Target};

/// Asserts that a server withstands an attack.
async fn assert_withstands(attack: Attack) {
    let target = Target::start();
    let bystander = Bystander::of(&target).await;
    let before = target.connections();
    let faces = target.faces();
    let attacked = tokio::task::spawn_blocking(move || attack(faces));
    // The other clients must be served during the attack.
    bystander.wait_for_round().await;
    attacked.await.expect("the attack ends");
    // A TV that is being served has a connection too.
    target.wait_for_connections(before.max(2)).await;
    bystander.wait_for_round().await;
    bystander.finish().await;
}

#[tokio::test]
async fn the_only_slot_held_by_a_client_that_reads_nothing_becomes_free() {
    let target = Target::without_token(|program| program.env("PASSBRIDGE_GRPC__MAX_CONNECTIONS", "1"));
    let faces = target.faces();
    tokio::task::spawn_blocking(move || flood::pings_unread(faces)).await.expect("the attack ends");
    let next = RawChannel::connect(target.grpc).await;
    next.codes().create_registration_code(create()).await.expect("served");
}

macro_rules! withstands {
    ($($attack:path => $name:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            assert_withstands($attack).await;
        }
    )*};
}

withstands! {
    flood::rapid_reset => rapid_resets_close_the_connection,
    flood::server_made_resets => server_made_resets_close_the_connection,
    flood::continuation => endless_continuation_frames_close_the_connection,
    flood::hpack_bomb => an_hpack_bomb_closes_the_connection,
    flood::empty_frames => endless_empty_frames_close_the_connection,
    flood::streams => endless_streams_close_the_connection,
    flood::settings => many_settings_are_harmless,
    flood::settings_unread => unread_settings_acknowledgments_close_the_connection,
    flood::settings_acknowledgments => unsolicited_settings_acknowledgments_are_a_protocol_error,
    flood::pings => many_pings_are_harmless,
    flood::pings_unread => unread_ping_responses_close_the_connection,
    flood::ping_acknowledgments => unsolicited_ping_responses_are_harmless,
    flood::priorities => many_priority_frames_are_harmless,
    flood::window_updates => many_window_updates_are_harmless,
    flood::window_overflow => a_window_overflow_is_a_flow_control_error,
    held_resources::zero_windows => responses_blocked_by_an_empty_window_are_reset,
    held_resources::one_byte_windows => a_window_of_one_byte_closes_the_connection,
    held_resources::answers_unread => unread_responses_close_the_connection,
    held_resources::answers_read_byte_by_byte => reading_byte_by_byte_closes_the_connection,
    held_resources::silence => an_unanswered_keepalive_ping_closes_the_connection,
    held_resources::headers_in_drops => a_thousand_slow_grpc_headers_do_not_block_others,
    held_resources::message_in_drops => a_slow_message_exceeds_its_deadline,
    rest::smuggling => ambiguous_request_framing_is_refused,
    rest::headers_in_drops => a_slow_loris_of_a_thousand_connections_does_not_block_others,
    rest::body_in_drops => a_thousand_slow_bodies_do_not_block_others,
    rest::answers_unread => unread_rest_responses_close_the_connection,
    rest::gzip_bombs => a_gzip_bomb_is_refused,
}
