//! What every implementation of the storage traits must do, as tests to run against it.
//!
//! An engine's tests say how to open and reopen it, in a [`BackendHarness`], and one line turns
//! every fact of [`backend`] into a test:
//!
//! ```text
//!     // crates/storage-redb/tests/it/main.rs
//!     struct Redb { directory: TempDir }
//!     impl BackendHarness for Redb { ... }
//!     steadfast_storage::conformance!(Redb);
//! ```
//!
//! [`platform`] and [`platform_conformance!`](crate::platform_conformance) do the same for data
//! stores, [`records`] and [`records_conformance!`](crate::records_conformance) for exclusive work on
//! their entries. There are three kinds of facts: sequences of operations are compared with a naive model,
//! histories of several threads are judged by the checker in [`history`], and faults are injected
//! one at a time and at random.
//!
//! A generated case that fails is shrunk, and the failure says which seed brings it back.
//! `PROPTEST_CASES` sets the number of cases of every comparison with a model.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::RowKey;

use crate::backend::Backend;
use crate::fault::Fault;
use crate::platform::Platform;
use crate::records::Records;

mod explore;
mod samples;

pub mod backend;
pub mod history;
pub mod platform;
pub mod records;

/// Makes fresh backends of one engine.
///
/// Every fact makes a harness of its own, so that nothing is shared between tests. What the harness
/// holds, such as a directory, lives until the fact is done.
pub trait BackendHarness {
    /// The engine.
    type Backend: Backend + 'static;

    /// A place for one empty backend.
    fn new() -> Self;

    /// Opens the empty backend. Called once.
    fn open(&mut self) -> Self::Backend;

    /// Closes the backend and opens it again. Called only on a durable one, which must then still
    /// hold everything that it acknowledged.
    fn reopen(&mut self, backend: Self::Backend) -> Self::Backend;
}

/// Makes fresh data stores of one implementation.
///
/// Only the first two functions are needed. Faults are for platforms over a backend that can be
/// made to fail; the facts about faults pass without a word where `inject` says no.
pub trait PlatformHarness {
    /// A place for one empty universe.
    fn new() -> Self;

    /// The data stores, the same ones each time.
    fn platform(&mut self) -> Arc<dyn Platform>;

    /// Plans what happens to the next commits and the next reads and scans, one item for each.
    /// False if this implementation cannot do that.
    fn inject(&mut self, commits: &[Option<Fault>], reads: &[bool]) -> bool {
        let _ = (commits, reads);
        false
    }

    /// Writes the batches that [`Fault::LateApply`] held back, where their conditions still hold.
    fn release(&mut self) {}

    /// Forgets the faults that were planned and did not happen yet.
    fn heal(&mut self) {}

    /// Moves the store's clock forward, by whole seconds. False if it cannot be moved.
    fn pass(&mut self, time: Duration) -> bool {
        let _ = time;
        false
    }

    /// Sweeps until nothing is due any more, or a pass fails. False if this implementation cannot
    /// be told to.
    fn sweep(&mut self) -> bool {
        false
    }

    /// Closes and opens again what lies behind the platform. False if that would lose data or
    /// cannot be done.
    fn reopen(&mut self) -> bool {
        false
    }

    /// The rows beneath it, for the facts about what no request writes: records. Nothing if they
    /// cannot be had.
    fn backend(&mut self) -> Option<Arc<dyn Backend>> {
        None
    }

    /// Whether a request's own [`Permit`](steadfast_core::platform::Permit) counts. A client over
    /// HTTP has the rights of its API key instead.
    fn checks_permits(&self) -> bool {
        true
    }

    /// Whether a state of an ordered data store tells which write of its entry it was, and when.
    /// Open Cloud shows no more than its value.
    fn tells_ordered_writes(&self) -> bool {
        true
    }
}

/// Makes fresh records of one implementation, and the data stores that they stand in.
///
/// What an implementation cannot do, its harness says no to; the facts about it then pass without a
/// word.
pub trait RecordsHarness {
    /// A place for one empty universe.
    fn new() -> Self;

    /// The records, the same ones each time.
    fn records(&mut self) -> Arc<dyn Records>;

    /// The data stores whose entries they are.
    fn platform(&mut self) -> Arc<dyn Platform>;

    /// Plans what happens to the next commits and the next reads and scans, one item for each.
    fn inject(&mut self, commits: &[Option<Fault>], reads: &[bool]) -> bool {
        let _ = (commits, reads);
        false
    }

    /// Writes the batches that [`Fault::LateApply`] held back, where their conditions still hold.
    fn release(&mut self) {}

    /// Forgets the faults that were planned and did not happen yet.
    fn heal(&mut self) {}

    /// Damages a row, so that it cannot be read back as it was written.
    fn damage(&mut self, row: &RowKey) -> bool {
        let _ = row;
        false
    }

    /// Closes and opens again what lies behind the records, as another opening.
    fn reopen(&mut self) -> bool {
        false
    }
}

/// Makes a module of tests, one for each fact of [`conformance::backend`](crate::conformance::backend),
/// from a [`BackendHarness`](crate::conformance::BackendHarness).
#[macro_export]
macro_rules! conformance {
    ($harness:ty) => {
        mod backend_conformance {
            use super::*;

            $crate::conformance_facts! { backend, $harness:
                sequences_agree_with_a_naive_model,
                a_new_backend_is_empty_and_has_a_clock,
                a_batch_is_checked_before_it_is_written,
                a_large_value_comes_back_byte_for_byte,
                values_of_a_batch_are_limited_together,
                a_record_is_written_only_at_its_revision,
                a_grant_leaves_the_entry_as_it_is,
                ends_come_back_in_their_order,
                mail_is_listed_for_its_server_only,
                mail_that_was_replaced_is_not_deleted_by_who_handled_the_earlier,
                operations_are_listed_for_their_record_only,
                a_run_of_operations_starts_behind_any_name,
                a_large_payload_comes_back_byte_for_byte,
                an_id_is_queued_once,
                rows_of_one_batch_appear_together,
                a_completion_may_submit_the_next_request,
                many_batches_may_be_under_way_at_once,
                histories_of_several_threads_are_linear,
                histories_under_random_faults_are_linear,
                an_error_before_means_that_nothing_was_written,
                a_batch_applied_without_an_answer_is_there,
                a_batch_lost_without_an_answer_can_be_sent_again,
                a_late_batch_is_refused_by_a_newer_writer,
                a_late_batch_is_written_when_nobody_came_in_between,
                a_full_store_can_be_read_and_later_written,
                a_failed_read_is_an_error_and_not_absence,
                what_was_acknowledged_survives_a_reopening,
                a_watcher_knows_of_a_commit_before_it_is_answered,
                a_watcher_is_told_in_the_order_of_the_commits,
                a_drained_watcher_knows_what_was_read_before,
            }
        }
    };
}

/// Makes a module of tests, one for each fact of
/// [`conformance::platform`](crate::conformance::platform), from a
/// [`PlatformHarness`](crate::conformance::PlatformHarness).
#[macro_export]
macro_rules! platform_conformance {
    ($harness:ty) => {
        mod platform_conformance {
            use super::*;

            $crate::conformance_facts! { platform, $harness:
                sequences_agree_with_a_naive_model,
                times_out_of_range_are_refused,
                every_set_without_a_condition_succeeds,
                one_writer_wins_each_revision,
                one_creator_wins,
                updates_lose_nothing,
                increments_add_up,
                increments_add_up_under_random_faults,
                an_increment_without_an_answer_counts_once,
                reads_at_a_time_agree_with_the_history,
                histories_under_random_faults_are_linear,
                an_error_before_means_that_nothing_was_written,
                a_write_applied_without_an_answer_succeeds,
                a_write_lost_without_an_answer_succeeds,
                a_deletion_without_an_answer_happens_once,
                a_write_held_back_happens_once,
                a_late_write_is_refused_by_a_newer_writer,
                a_write_that_cannot_be_looked_into_is_unknown,
                a_write_that_stays_unknown_is_said_to_be,
                a_failed_read_is_an_error_and_not_absence,
                first_writes_of_a_store_survive_each_other,
                ordered_sequences_agree_with_a_naive_model,
                ordered_entries_are_apart_from_those_of_data_stores,
                ordered_writes_without_an_answer_happen_once,
                a_removed_ordered_entry_is_not_brought_back_by_a_late_write,
                a_failed_read_is_an_error_and_not_a_short_page,
                standings_are_exact_while_others_write,
                what_was_acknowledged_survives_a_reopening,
                v_10_to_v_12_backups_are_hourly_and_last_30_days,
                v_16_a_deleted_entry_is_purged_after_30_days,
                thinned_history_gets_thinner_with_time,
                v_27_a_restore_can_be_taken_back_at_any_time,
                v_04_a_removed_revision_is_gone_and_no_other,
                hv_1_sweeps_beside_writers_take_nothing_that_is_there,
                a_sweep_that_fails_half_way_is_made_up_for,
                listings_agree_with_a_naive_model,
                pages_are_repeatable_and_complete,
                a_listing_beside_writers_has_everything_that_stood_still,
                deleted_entries_are_listed_for_30_days,
                a_failed_read_is_an_error_and_not_an_empty_page,
                a_deleted_store_is_out_of_reach_and_comes_back_whole,
                a_deletion_can_be_taken_back_for_30_days,
                one_snapshot_a_day,
                store_changes_without_an_answer_happen_once,
                a_late_store_change_is_refused_by_a_newer_one,
                store_changes_of_several_threads_agree,
                store_changes_survive_a_reopening,
                a_held_entry_refuses_each_write_and_names_its_holder,
                a_held_entry_is_not_made_by_anybody_else,
                an_entry_that_was_let_go_takes_each_write,
                a_write_that_happened_is_recognised_while_the_entry_is_held,
                a_write_held_back_is_refused_by_a_grant,
                a_forced_write_takes_the_record_and_tells_its_holder,
                a_forced_write_of_what_nobody_holds_is_a_write_like_any_other,
            }
        }
    };
}

/// Makes a module of tests, one for each fact of [`conformance::records`](crate::conformance::records),
/// from a [`RecordsHarness`](crate::conformance::RecordsHarness).
#[macro_export]
macro_rules! records_conformance {
    ($harness:ty) => {
        mod records_conformance {
            use super::*;

            $crate::conformance_facts! { records, $harness:
                a_record_that_was_never_held_is_absent_in_all_its_parts,
                a_grant_creates_a_missing_entry_with_the_defaults,
                a_lease_tells_since_when_it_is_held,
                a_grant_leaves_an_existing_value_and_its_revision_alone,
                a_grant_over_a_deletion_goes_on_with_its_counter,
                a_grant_is_refused_when_the_entry_came_into_being,
                a_grant_is_refused_when_the_entry_moved,
                a_grant_is_refused_when_the_record_moved,
                one_of_two_competing_grants_wins,
                one_of_many_competing_grants_wins,
                l5_saves_follow_each_other_and_data_stores_read_them,
                a_save_on_an_older_base_is_refused_with_the_rows_as_they_stand,
                a_release_with_a_save_is_one_write,
                a_release_without_a_save_writes_no_value,
                an_adoption_moves_the_fence_and_keeps_the_lease,
                a_seizure_ends_the_grant_and_tells_the_holder,
                w10_the_last_sixteen_ends_are_kept,
                a_fence_goes_on_after_the_entry_was_deleted,
                a_wait_reads_the_data_only_of_a_free_record,
                the_holder_is_told_with_its_presence,
                a_check_tells_the_rows_in_order,
                a_presence_is_created_once_and_renewed_on_its_own_revision,
                a_dead_presence_is_told_to_who_would_renew_it,
                a_renewal_brings_the_mail_of_its_server_only,
                mail_is_deleted_only_as_it_was_read,
                pages_of_mail_end_and_go_on,
                nothing_is_granted_in_a_deleted_data_store,
                damage_is_never_a_free_record,
                a_check_names_what_is_damaged,
                an_error_before_means_that_nothing_was_written,
                a_write_without_an_answer_is_recognised_by_its_id,
                a_lost_write_can_be_sent_again,
                a_late_save_is_refused_by_a_newer_grant,
                a_failed_read_is_an_error_and_not_absence,
                a_renewal_without_an_answer_is_recognised_by_its_id,
                a_lease_outlives_a_reopening_and_names_its_home,
                a_damaged_ledger_lets_nothing_look_new,
                a_failed_read_of_operations_is_an_error_and_not_absence,
                a_late_queueing_is_refused_by_a_grant,
                a_queueing_without_an_answer_is_recognised_by_its_id,
                a_settling_without_an_answer_happens_once,
                operations_outlive_a_reopening,
                do2_what_was_pruned_is_never_queued_again,
                the_oldest_dead_letters_leave,
                the_oldest_receipts_give_way_to_ids_and_those_leave,
                what_is_permanent_never_leaves_and_counts_nowhere,
                a_queueing_tells_the_holder_and_needs_no_second_letter,
                do1_an_id_is_queued_once,
                ids_from_the_future_are_refused,
                operations_wait_in_the_order_of_their_queueing,
                the_limits_of_a_ledger_are_those_of_the_request,
                whoever_holds_a_record_needs_no_mail_of_its_own,
                a_deletion_leaves_the_ledger_of_the_record,
                a_grant_brings_what_waits,
                a_restore_takes_receipts_back_that_came_after,
                a_settlement_that_the_store_forgot_is_stored,
                a_try_in_vain_is_stored_with_the_save,
                do3_a_save_stores_what_it_applied_with_its_receipt,
                a_dead_letter_is_queued_again_once,
                a_verdict_waits_for_the_holder_and_tells_it,
                what_ended_or_is_unknown_cannot_be_judged,
            }
        }
    };
}

/// The tests of one list of facts.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_facts {
    ($area:ident, $harness:ty: $($fact:ident),+ $(,)?) => {
        $(
            #[test]
            fn $fact() {
                $crate::conformance::$area::$fact::<$harness>();
            }
        )+
    };
}
