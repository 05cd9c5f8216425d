//! What every store has to do: one suite, run against each implementation.
//!
//! A store's tests write a [`Harness`] and say `conformance!(MyHarness::new().await)`, which makes one test of
//! each behaviour, each with a harness of its own.

pub(crate) mod devices;
pub(crate) mod ending;
pub(crate) mod ledger;
pub(crate) mod ledger_watch;
pub(crate) mod life;
pub(crate) mod limit;
pub(crate) mod rate;
pub(crate) mod sample;
pub(crate) mod scan;
pub(crate) mod transfer;
pub(crate) mod trial_model;
pub(crate) mod trials;
pub(crate) mod watch;

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{clock::Timestamp, port::Store};

/// An empty store, and how time passes for it.
#[async_trait]
pub(crate) trait Harness: Send + Sync {
    fn store(&self) -> Store;

    /// The store's time.
    fn time(&self) -> &dyn StoreTime;

    /// Ends the store and opens it again on what it left. False where such a store has no such thing.
    async fn reopen(&self) -> bool;
}

/// The time that a store goes by: a clock that it was opened with, or its engine's own. The suite sets no clock; it asks for
/// time to pass, and each store brings what that takes.
///
/// Between two calls the time stands still, so that a behaviour can be looked at to the millisecond.
#[async_trait]
pub(crate) trait StoreTime: Send + Sync {
    /// What the store would say that it is now.
    fn read(&self) -> Timestamp;

    /// Completes when so much time has passed for the store, to the millisecond.
    async fn pass(&self, time: Duration);
}

/// Makes a test of each behaviour. The expression makes a harness; it may await.
macro_rules! conformance {
    ($harness:expr) => {
        $crate::store::conformance::conformance! { @each $harness;
            life: [
                of_many_concurrent_inserts_of_a_code_one_wins,
                a_record_is_got_as_it_was_inserted,
                a_code_expires_at_the_very_millisecond,
                an_expired_code_is_not_used_again_before_its_quarantine_ends,
                a_released_code_leaves_a_tombstone_until_its_quarantine_ends,
                of_many_concurrent_releases_one_succeeds,
                a_release_by_another_id_or_after_the_expiry_does_nothing,
                a_release_hits_the_record_that_has_the_code_now,
                environments_and_requestors_do_not_share_codes,
                an_adopted_record_takes_the_place_of_whatever_held_its_code,
                a_shadow_is_got_as_it_was_adopted_and_leaves_a_tombstone,
                a_record_and_its_entry_are_stored_together_or_not_at_all,
            ];
            limit: [
                an_environment_takes_as_many_codes_as_it_may_and_no_more,
                of_concurrent_inserts_as_many_succeed_as_there_is_room_for,
                a_released_code_makes_room,
                an_expired_code_makes_room,
                the_limit_holds_after_a_reopen,
                live_codes_are_counted_by_environment,
                an_adopted_code_counts_once,
            ];
            watch: [
                a_release_is_signalled,
                the_use_of_a_code_for_a_new_record_is_signalled,
                other_codes_and_refused_commands_are_not_signalled,
                a_slow_watcher_holds_one_signal,
                all_watchers_of_a_code_are_signalled,
                a_watch_ends_when_the_store_closes,
            ];
            ledger: [
                of_many_concurrent_puts_of_a_key_one_wins,
                an_entry_is_got_until_its_end,
                an_ended_entry_makes_room_for_another,
                a_swap_needs_the_expected_value,
                of_many_concurrent_swaps_one_succeeds,
                a_swap_may_change_the_end,
                a_swap_may_remove,
                a_lasting_entry_survives_everything_but_its_removal,
                an_entry_of_many_days_ends_at_its_end,
                kinds_do_not_share_names,
                a_lease_ends_by_the_stores_time_or_when_it_is_given_back,
                of_many_that_ask_for_a_lease_one_gets_it,
            ];
            ledger_watch: [
                each_change_of_an_entry_of_the_kind_is_signalled,
                an_entry_that_is_stored_with_a_record_is_signalled,
                other_kinds_and_what_changes_nothing_are_not_signalled,
                a_slow_watcher_of_a_kind_holds_one_signal,
                a_watch_of_a_kind_ends_when_the_store_closes,
            ];
            rate: [
                a_burst_passes_and_then_one_at_each_interval,
                to_ask_takes_nothing,
                several_limits_have_to_have_room_together,
                what_is_above_a_limit_is_waited_for,
                who_reserves_is_told_a_time_of_its_own_or_refused,
                of_many_concurrent_takes_as_many_pass_as_there_is_room_for,
                a_bucket_may_be_asked_about_by_different_bursts,
                limits_share_nothing,
            ];
            trials: [
                a_trial_starts_with_its_first_authorization_and_ends_at_the_very_millisecond,
                a_promotional_trial_has_so_many_resources_and_goes_on_with_those,
                of_many_that_race_for_the_last_resource_one_is_permitted,
                of_many_that_race_for_a_start_one_trial_comes,
                a_new_device_or_key_continues_the_trial_of_the_other_side,
                of_two_trials_the_stricter_one_decides_and_both_count,
                a_reset_deletes_the_whole_trial_for_everybody_bound_to_it,
                a_reset_asks_for_what_the_trial_was_first_authorized_with,
                a_reset_of_all_ends_every_trial_of_that_temp_pass_and_no_other,
                a_trial_that_has_ended_denies_until_its_retention_is_over,
                trials_survive_a_reopen,
                a_scan_of_trials_sees_what_is_neither_reset_nor_forgotten,
            ];
            trial_model: [
                random_authorizations_and_resets_are_as_a_simple_model_has_them,
            ];
            scan: [
                a_scan_sees_records_and_tombstones_and_none_past_its_quarantine,
                a_scan_sees_many_records_once_each,
                a_ledger_scan_sees_its_kind_and_nothing_ended,
                a_scan_may_be_dropped_in_the_middle,
            ];
            transfer: [
                codes_and_tombstones_move_as_they_are_and_end_when_they_would_have,
                moved_codes_count_once_among_those_that_live_and_no_limit_holds_them_up,
                what_is_there_already_stays_and_something_else_is_told,
                what_is_over_does_not_move,
                trials_move_with_all_that_is_bound_to_them,
                what_was_reset_stays_behind,
                a_trial_of_many_resources_moves_whole_and_goes_on,
                a_moved_trial_that_has_ended_denies_until_its_retention_is_over,
                after_a_move_random_authorizations_and_resets_come_out_as_they_would_have,
                entries_of_a_kind_are_given_out_with_their_ends,
            ];
            devices: [
                a_device_is_read_as_it_was_kept_by_every_server,
                of_concurrent_replacements_of_one_state_one_succeeds,
                of_many_that_take_a_media_token_one_gets_it,
                what_is_known_of_a_device_ends_at_its_time,
                a_code_leads_to_its_device_until_it_is_forgotten,
                a_device_is_found_by_the_name_that_its_code_had_more_than,
                a_device_has_the_requestor_that_it_has_asked_for_last,
                environments_requestors_and_devices_do_not_share_what_is_known,
                nothing_personal_of_a_device_lies_in_the_ledger,
                known_devices_survive_a_reopen,
                a_rotation_of_the_key_ring_loses_no_device,
                what_cannot_be_read_of_a_device_counts_as_unknown_and_is_replaced,
            ];
            ending: [
                what_was_acknowledged_is_there_after_a_reopen,
                a_closed_store_refuses_everything,
                what_was_asked_before_the_close_is_done,
            ];
        }
    };
    (@each $harness:expr; $($area:ident: [$($behaviour:ident,)*];)*) => {
        $(mod $area {
            #[allow(unused_imports, reason = "which of them the harness expression needs is its own affair")]
            use super::*;

            $(#[tokio::test]
            async fn $behaviour() {
                let harness = $harness;
                $crate::store::conformance::$area::$behaviour(&harness).await;
            })*
        })*
    };
}
pub(crate) use conformance;
