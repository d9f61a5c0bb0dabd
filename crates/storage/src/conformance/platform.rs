//! Facts about every [`Platform`](crate::Platform).
//!
//! Each function is one fact, and panics where it does not hold. They speak in requests and answers
//! only, so that a client over HTTP can be judged too: who made a revision is told by its value,
//! and the history of an entry is found by asking for earlier and earlier times.

mod cases;
mod concurrent;
mod faults;
mod history;
mod leases;
mod listings;
mod model;
mod ordered;
mod requests;
mod sequences;
mod stores;

pub(super) use requests::{chain, current, execute, remove, set, write_id};

pub use concurrent::{
    every_set_without_a_condition_succeeds, first_writes_of_a_store_survive_each_other,
    histories_under_random_faults_are_linear, increments_add_up,
    increments_add_up_under_random_faults, one_creator_wins, one_writer_wins_each_revision,
    updates_lose_nothing,
};
pub use faults::{
    a_deletion_without_an_answer_happens_once, a_failed_read_is_an_error_and_not_absence,
    a_late_write_is_refused_by_a_newer_writer, a_write_applied_without_an_answer_succeeds,
    a_write_held_back_happens_once, a_write_lost_without_an_answer_succeeds,
    a_write_that_cannot_be_looked_into_is_unknown, a_write_that_stays_unknown_is_said_to_be,
    an_error_before_means_that_nothing_was_written, an_increment_without_an_answer_counts_once,
    what_was_acknowledged_survives_a_reopening,
};
pub use history::{
    a_sweep_that_fails_half_way_is_made_up_for,
    hv_1_sweeps_beside_writers_take_nothing_that_is_there, thinned_history_gets_thinner_with_time,
    v_04_a_removed_revision_is_gone_and_no_other, v_10_to_v_12_backups_are_hourly_and_last_30_days,
    v_16_a_deleted_entry_is_purged_after_30_days, v_27_a_restore_can_be_taken_back_at_any_time,
};
pub use leases::{
    a_forced_write_of_what_nobody_holds_is_a_write_like_any_other,
    a_forced_write_takes_the_record_and_tells_its_holder, a_held_entry_is_not_made_by_anybody_else,
    a_held_entry_refuses_each_write_and_names_its_holder, a_write_held_back_is_refused_by_a_grant,
    a_write_that_happened_is_recognised_while_the_entry_is_held,
    an_entry_that_was_let_go_takes_each_write,
};
pub use listings::{
    a_failed_read_is_an_error_and_not_an_empty_page,
    a_listing_beside_writers_has_everything_that_stood_still,
    deleted_entries_are_listed_for_30_days, listings_agree_with_a_naive_model,
    pages_are_repeatable_and_complete,
};
pub use ordered::{
    a_failed_read_is_an_error_and_not_a_short_page,
    a_removed_ordered_entry_is_not_brought_back_by_a_late_write,
    ordered_entries_are_apart_from_those_of_data_stores,
    ordered_sequences_agree_with_a_naive_model, ordered_writes_without_an_answer_happen_once,
    standings_are_exact_while_others_write,
};
pub use sequences::{
    reads_at_a_time_agree_with_the_history, sequences_agree_with_a_naive_model,
    times_out_of_range_are_refused,
};
pub use stores::{
    a_deleted_store_is_out_of_reach_and_comes_back_whole, a_deletion_can_be_taken_back_for_30_days,
    a_late_store_change_is_refused_by_a_newer_one, one_snapshot_a_day,
    store_changes_of_several_threads_agree, store_changes_survive_a_reopening,
    store_changes_without_an_answer_happen_once,
};
