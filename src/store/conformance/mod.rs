//! The conformance suite: the behavior that every store must have.
//!
//! The tests of a store define a [`Harness`] and call `conformance!(MyHarness::new().await)`, which generates one test per
//! behavior, each with its own harness.

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

/// An empty store with a controllable time.
#[async_trait]
pub(crate) trait Harness: Send + Sync {
    fn store(&self) -> Store;

    /// The store's time.
    fn time(&self) -> &dyn StoreTime;

    /// Closes the store and reopens it with its data. Returns false if the store does not support this.
    async fn reopen(&self) -> bool;
}

/// The time that a store uses: the clock that it was opened with, or its engine's. The suite does not set a clock. It requests that
/// time passes, and each store implements that.
///
/// Time stands still between two calls, so that tests are exact to the millisecond.
#[async_trait]
pub(crate) trait StoreTime: Send + Sync {
    /// The store's current time.
    fn read(&self) -> Timestamp;

    /// Advances the store's time by exactly this much.
    async fn pass(&self, time: Duration);
}

/// Generates a test for each behavior. The expression creates a harness; it may await.
macro_rules! conformance {
    ($harness:expr) => {
        $crate::store::conformance::conformance! { @each $harness;
            life: [
                one_of_many_concurrent_inserts_of_a_code_wins,
                a_record_is_read_as_it_was_inserted,
                a_code_expires_to_the_millisecond,
                an_expired_code_is_not_reused_before_its_quarantine_ends,
                a_released_code_leaves_a_tombstone_until_its_quarantine_ends,
                one_of_many_concurrent_releases_succeeds,
                a_release_with_another_id_or_after_expiry_does_nothing,
                a_release_affects_only_the_current_record_of_a_code,
                environments_and_requestors_do_not_share_codes,
                an_adopted_record_replaces_any_record_of_its_code,
                a_shadow_is_read_as_it_was_adopted_and_leaves_a_tombstone,
                a_record_and_its_entry_are_stored_together_or_not_at_all,
            ];
            limit: [
                an_environment_accepts_codes_up_to_its_limit,
                concurrent_inserts_succeed_up_to_the_limit,
                a_released_code_makes_room,
                an_expired_code_makes_room,
                the_limit_holds_after_a_reopen,
                live_codes_are_counted_by_environment,
                an_adopted_code_counts_once,
            ];
            watch: [
                a_release_is_signaled,
                reuse_of_a_code_is_signaled,
                changes_of_other_codes_and_refused_commands_are_not_signaled,
                a_slow_watcher_has_at_most_one_pending_signal,
                all_watchers_of_a_code_are_signaled,
                a_watch_ends_when_the_store_closes,
            ];
            ledger: [
                one_of_many_concurrent_puts_of_a_key_wins,
                an_entry_exists_until_its_expiry,
                an_expired_entry_can_be_replaced,
                a_swap_requires_the_expected_value,
                one_of_many_concurrent_swaps_succeeds,
                a_swap_may_change_the_expiry,
                a_swap_may_remove_an_entry,
                an_entry_without_an_expiry_exists_until_it_is_removed,
                an_entry_with_a_long_lifetime_expires_on_time,
                kinds_do_not_share_names,
                a_lease_ends_when_it_expires_or_is_released,
                one_of_many_concurrent_callers_gets_a_lease,
            ];
            ledger_watch: [
                every_change_of_an_entry_is_signaled_to_watchers_of_its_kind,
                an_entry_stored_with_a_record_is_signaled,
                other_kinds_and_refused_commands_are_not_signaled,
                a_slow_watcher_of_a_kind_has_at_most_one_pending_signal,
                a_watch_of_a_kind_ends_when_the_store_closes,
            ];
            rate: [
                a_burst_is_followed_by_one_call_per_interval,
                checking_a_limit_uses_no_capacity,
                several_limits_must_all_have_room,
                excess_charges_must_drain_first,
                each_reservation_gets_its_own_time_or_is_refused,
                concurrent_takes_succeed_up_to_the_limit,
                a_bucket_supports_different_bursts,
                limits_are_independent,
            ];
            trials: [
                a_trial_starts_with_its_first_authorization_and_expires_to_the_millisecond,
                an_exhausted_promotional_trial_still_permits_its_used_resources,
                one_of_many_concurrent_requests_gets_the_last_resource,
                concurrent_starts_create_one_trial,
                a_new_device_or_key_continues_the_trial_of_the_other_side,
                the_stricter_of_two_trials_decides_and_both_are_used,
                a_reset_deletes_the_trial_for_every_device_and_key_bound_to_it,
                a_reset_matches_the_application_of_the_first_authorization,
                a_reset_of_all_ends_every_trial_of_its_temp_pass_and_no_other,
                an_expired_trial_denies_until_its_retention_ends,
                trials_survive_a_reopen,
                a_scan_returns_trials_that_are_neither_reset_nor_forgotten,
            ];
            trial_model: [
                random_authorizations_and_resets_match_a_simple_model,
            ];
            scan: [
                a_scan_returns_records_and_tombstones_until_their_quarantine_ends,
                a_scan_returns_each_of_many_records_once,
                a_ledger_scan_returns_live_entries_of_its_kind,
                a_scan_can_be_dropped_before_its_end,
            ];
            transfer: [
                codes_and_tombstones_are_copied_with_their_expiries,
                copied_codes_are_counted_once_and_are_not_limited,
                existing_records_are_not_overwritten_and_differences_are_reported,
                forgotten_records_are_not_copied,
                trials_are_copied_with_all_their_bindings,
                reset_trials_are_not_copied,
                a_trial_with_many_resources_is_copied_completely_and_continues,
                a_copied_expired_trial_denies_until_its_retention_ends,
                after_a_copy_both_stores_decide_random_requests_alike,
                live_entries_of_a_kind_are_exported_with_their_expiries,
            ];
            devices: [
                every_server_reads_a_device_as_it_was_stored,
                one_of_many_concurrent_replacements_succeeds,
                a_media_token_is_handed_out_once,
                records_of_a_device_expire_on_time,
                the_device_of_a_code_is_found_until_it_is_forgotten,
                a_device_is_found_by_the_id_that_its_client_sends_without_an_application,
                a_device_has_the_requestor_of_its_last_code,
                records_of_devices_are_separate_by_environment_requestor_and_device,
                the_ledger_contains_no_personal_data_of_a_device,
                known_devices_survive_a_reopen,
                a_rotation_of_the_key_ring_loses_no_device,
                an_unreadable_device_is_treated_as_absent_and_can_be_replaced,
            ];
            ending: [
                acknowledged_writes_survive_a_reopen,
                a_closed_store_refuses_all_calls,
                commands_before_a_close_are_completed_or_refused,
            ];
        }
    };
    (@each $harness:expr; $($area:ident: [$($behavior:ident,)*];)*) => {
        $(mod $area {
            #[allow(unused_imports, reason = "the harness expression may need any of them")]
            use super::*;

            $(#[tokio::test]
            async fn $behavior() {
                let harness = $harness;
                $crate::store::conformance::$area::$behavior(&harness).await;
            })*
        })*
    };
}
pub(crate) use conformance;
