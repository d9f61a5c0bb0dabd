//! Facts about operations on records: queued, carried by a grant, settled by a save, pruned, judged,
//! and read.

mod faults;
mod pruning;
mod queueing;
mod settling;
mod support;
mod verdicts;

pub use faults::{
    a_damaged_ledger_lets_nothing_look_new,
    a_failed_read_of_operations_is_an_error_and_not_absence, a_late_queueing_is_refused_by_a_grant,
    a_queueing_without_an_answer_is_recognised_by_its_id,
    a_settling_without_an_answer_happens_once, operations_outlive_a_reopening,
};
pub use pruning::{
    do2_what_was_pruned_is_never_queued_again, the_oldest_dead_letters_leave,
    the_oldest_receipts_give_way_to_ids_and_those_leave,
    what_is_permanent_never_leaves_and_counts_nowhere,
};
pub use queueing::{
    a_queueing_tells_the_holder_and_needs_no_second_letter, do1_an_id_is_queued_once,
    ids_from_the_future_are_refused, operations_wait_in_the_order_of_their_queueing,
    the_limits_of_a_ledger_are_those_of_the_request,
    whoever_holds_a_record_needs_no_mail_of_its_own,
};
pub use settling::{
    a_deletion_leaves_the_ledger_of_the_record, a_grant_brings_what_waits,
    a_restore_takes_receipts_back_that_came_after, a_settlement_that_the_store_forgot_is_stored,
    a_try_in_vain_is_stored_with_the_save, do3_a_save_stores_what_it_applied_with_its_receipt,
};
pub use verdicts::{
    a_dead_letter_is_queued_again_once, a_verdict_waits_for_the_holder_and_tells_it,
    what_ended_or_is_unknown_cannot_be_judged,
};
