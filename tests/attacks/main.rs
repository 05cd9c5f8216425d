//! What strangers send to bring a server down, against the real program while others are served. Each attack must come to
//! the end that is written here, its connections must be gone, and nobody else may have failed meanwhile.
//!
//! `cargo test --release --test attacks -- --ignored --nocapture` runs them one by one and prints the table that is in
//! `docs/security.md`.

#![forbid(unsafe_code)]

mod bystander;
mod flood;
mod handshake;
mod holder;
mod peer;
mod rest;
mod support;
mod table;
mod target;

use bystander::Bystander;
use support::{raw::RawChannel, request::create};
use target::{Attack, Target};

/// That a server withstands an attack.
async fn withstood(attack: Attack) {
    let target = Target::start();
    let bystander = Bystander::of(&target).await;
    let before = target.connections();
    let faces = target.faces();
    let attacked = tokio::task::spawn_blocking(move || attack(faces));
    // As long as the attack may last.
    bystander.wait_for_round().await;
    attacked.await.expect("it comes to its end");
    // A TV that is just being served has one too.
    target.wait_for_connections(before.max(2)).await;
    bystander.wait_for_round().await;
    bystander.finish().await;
}

#[tokio::test]
async fn the_only_slot_held_by_a_client_that_reads_nothing_becomes_free() {
    let target = Target::without_token(|program| program.env("PASSBRIDGE_GRPC__MAX_CONNECTIONS", "1"));
    let faces = target.faces();
    tokio::task::spawn_blocking(move || flood::pings_unread(faces)).await.expect("it comes to its end");
    let next = RawChannel::connect(target.grpc).await;
    next.codes().create_registration_code(create()).await.expect("is served");
}

macro_rules! withstands {
    ($($attack:path => $name:ident,)*) => {$(
        #[tokio::test]
        async fn $name() {
            withstood($attack).await;
        }
    )*};
}

withstands! {
    flood::rapid_reset => a_client_that_resets_its_calls_at_once_is_sent_away,
    flood::server_made_resets => a_client_that_has_the_server_reset_its_calls_is_sent_away,
    flood::continuation => headers_without_end_are_not_waited_for,
    flood::hpack_bomb => headers_that_unpack_to_too_much_are_refused,
    flood::empty_frames => frames_with_nothing_in_them_are_not_taken_without_end,
    flood::streams => a_client_that_opens_streams_without_end_is_sent_away,
    flood::settings => settings_without_end_harm_nobody,
    flood::settings_unread => a_client_that_reads_no_acknowledgement_is_let_go,
    flood::settings_acknowledgements => acknowledgements_of_settings_that_nobody_sent_are_an_error,
    flood::pings => pings_without_end_harm_nobody,
    flood::pings_unread => a_client_that_reads_no_ping_s_answer_is_let_go,
    flood::ping_acknowledgements => answers_to_pings_that_nobody_sent_harm_nobody,
    flood::priorities => priorities_without_end_harm_nobody,
    flood::window_updates => window_updates_without_end_harm_nobody,
    flood::window_overflow => a_window_that_overflows_is_an_error,
    holder::zero_windows => answers_for_which_a_client_makes_no_room_are_reset,
    holder::one_byte_windows => a_client_that_makes_room_for_one_byte_is_let_go,
    holder::answers_unread => a_client_that_reads_no_answer_is_let_go,
    holder::answers_read_byte_by_byte => a_client_that_reads_a_byte_now_and_then_is_let_go,
    holder::silence => a_client_that_answers_no_ping_is_let_go,
    holder::headers_in_drops => a_thousand_clients_that_send_headers_in_drops_keep_no_tv_from_its_code,
    holder::message_in_drops => a_message_that_comes_in_drops_is_not_waited_for,
    rest::smuggling => requests_that_could_be_taken_apart_in_two_ways_are_refused,
    rest::headers_in_drops => a_slow_loris_of_a_thousand_connections_keeps_no_tv_from_its_code,
    rest::body_in_drops => a_thousand_bodies_that_come_in_drops_keep_no_tv_from_its_code,
    rest::answers_unread => a_client_of_rest_that_reads_nothing_is_let_go,
    rest::gzip_bombs => a_body_that_unpacks_to_too_much_is_refused,
}
