//! Facts about every [`Records`](crate::Records).
//!
//! Each function is one fact, and panics where it does not hold. They speak in commands and answers,
//! and look at the entries through the data stores beside, so that records reached over a network
//! can be judged too. What a game server makes of the answers is no matter here.

mod calls;
mod ends;
mod faults;
mod grants;
mod operations;
mod saves;
mod servers;

pub use ends::{
    a_fence_goes_on_after_the_entry_was_deleted, a_seizure_ends_the_grant_and_tells_the_holder,
    an_adoption_moves_the_fence_and_keeps_the_lease, w10_the_last_sixteen_ends_are_kept,
};
pub use faults::{
    a_check_names_what_is_damaged, a_failed_read_is_an_error_and_not_absence,
    a_late_save_is_refused_by_a_newer_grant, a_lost_write_can_be_sent_again,
    a_renewal_without_an_answer_is_recognised_by_its_id,
    a_write_without_an_answer_is_recognised_by_its_id,
    an_error_before_means_that_nothing_was_written, damage_is_never_a_free_record,
};
pub use grants::{
    a_grant_creates_a_missing_entry_with_the_defaults,
    a_grant_is_refused_when_the_entry_came_into_being, a_grant_is_refused_when_the_entry_moved,
    a_grant_is_refused_when_the_record_moved,
    a_grant_leaves_an_existing_value_and_its_revision_alone,
    a_grant_over_a_deletion_goes_on_with_its_counter, a_lease_tells_since_when_it_is_held,
    a_record_that_was_never_held_is_absent_in_all_its_parts,
    nothing_is_granted_in_a_deleted_data_store, one_of_many_competing_grants_wins,
    one_of_two_competing_grants_wins,
};
pub use operations::{
    a_damaged_ledger_lets_nothing_look_new, a_dead_letter_is_queued_again_once,
    a_deletion_leaves_the_ledger_of_the_record,
    a_failed_read_of_operations_is_an_error_and_not_absence, a_grant_brings_what_waits,
    a_late_queueing_is_refused_by_a_grant, a_queueing_tells_the_holder_and_needs_no_second_letter,
    a_queueing_without_an_answer_is_recognised_by_its_id,
    a_restore_takes_receipts_back_that_came_after, a_settlement_that_the_store_forgot_is_stored,
    a_settling_without_an_answer_happens_once, a_try_in_vain_is_stored_with_the_save,
    a_verdict_waits_for_the_holder_and_tells_it, do1_an_id_is_queued_once,
    do2_what_was_pruned_is_never_queued_again, do3_a_save_stores_what_it_applied_with_its_receipt,
    ids_from_the_future_are_refused, operations_outlive_a_reopening,
    operations_wait_in_the_order_of_their_queueing,
    the_limits_of_a_ledger_are_those_of_the_request, the_oldest_dead_letters_leave,
    the_oldest_receipts_give_way_to_ids_and_those_leave, what_ended_or_is_unknown_cannot_be_judged,
    what_is_permanent_never_leaves_and_counts_nowhere,
    whoever_holds_a_record_needs_no_mail_of_its_own,
};
pub use saves::{
    a_release_with_a_save_is_one_write, a_release_without_a_save_writes_no_value,
    a_save_on_an_older_base_is_refused_with_the_rows_as_they_stand,
    l5_saves_follow_each_other_and_data_stores_read_them,
};
pub use servers::{
    a_check_tells_the_rows_in_order, a_dead_presence_is_told_to_who_would_renew_it,
    a_lease_outlives_a_reopening_and_names_its_home,
    a_presence_is_created_once_and_renewed_on_its_own_revision,
    a_renewal_brings_the_mail_of_its_server_only, a_wait_reads_the_data_only_of_a_free_record,
    mail_is_deleted_only_as_it_was_read, pages_of_mail_end_and_go_on,
    the_holder_is_told_with_its_presence,
};
