//! Facts about every [`Platform`](crate::Platform).
//!
//! Each function is one fact, and panics where it does not hold. They speak in requests and answers
//! only, so that a client over HTTP can be judged too: who made a revision is told by its value,
//! and the history of an entry is found by asking for earlier and earlier times.

mod cases;
mod concurrent;
mod faults;
mod model;
mod requests;
mod sequences;

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
pub use sequences::{
    reads_at_a_time_agree_with_the_history, sequences_agree_with_a_naive_model,
    times_out_of_range_are_refused,
};
