//! Facts about every [`Backend`](crate::Backend).
//!
//! Each function is one fact, and panics where it does not hold. Invalid batches, conditions,
//! stamps, scans and reopening are compared with a naive model; several threads leave a history
//! that is judged; faults come from a [`FaultyBackend`](crate::FaultyBackend) around the engine.

mod basics;
mod cases;
mod concurrent;
mod faults;
mod ledger;
mod model;
mod records;
mod sequences;
mod watch;

pub use basics::{
    a_batch_is_checked_before_it_is_written, a_completion_may_submit_the_next_request,
    a_large_value_comes_back_byte_for_byte, a_new_backend_is_empty_and_has_a_clock,
    many_batches_may_be_under_way_at_once, values_of_a_batch_are_limited_together,
    what_was_acknowledged_survives_a_reopening,
};
pub use concurrent::{
    histories_of_several_threads_are_linear, histories_under_random_faults_are_linear,
    rows_of_one_batch_appear_together,
};
pub use faults::{
    a_batch_applied_without_an_answer_is_there, a_batch_lost_without_an_answer_can_be_sent_again,
    a_failed_read_is_an_error_and_not_absence, a_full_store_can_be_read_and_later_written,
    a_late_batch_is_refused_by_a_newer_writer, a_late_batch_is_written_when_nobody_came_in_between,
    an_error_before_means_that_nothing_was_written,
};
pub use ledger::{
    a_large_payload_comes_back_byte_for_byte, a_run_of_operations_starts_behind_any_name,
    an_id_is_queued_once, operations_are_listed_for_their_record_only,
};
pub use model::settled_row;
pub use records::{
    a_grant_leaves_the_entry_as_it_is, a_record_is_written_only_at_its_revision,
    ends_come_back_in_their_order, mail_is_listed_for_its_server_only,
    mail_that_was_replaced_is_not_deleted_by_who_handled_the_earlier,
};
pub use sequences::sequences_agree_with_a_naive_model;
pub use watch::{
    a_drained_watcher_knows_what_was_read_before, a_watcher_is_told_in_the_order_of_the_commits,
    a_watcher_knows_of_a_commit_before_it_is_answered,
};
