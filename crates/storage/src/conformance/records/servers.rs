//! Facts about game servers: their presence, their mail, and what who waits is told of them.

use steadfast_core::record::{
    Fence, MAIL_PAGE, MailBody, MailKind, PresenceBody, PresenceOutcome, PresenceRefusal,
    PresenceState, RecordCommand, RecordReply, StoredPresence, With,
};
use steadfast_core::{Outcome, Revision};

use super::calls::{
    Scene, alive, delete_mail, put_mail, read, read_mail, renewed, server, session, submit,
    write_presence,
};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::write_id;
use crate::conformance::samples::entry;

/// Who waits reads no data that he may not have.
pub fn a_wait_reads_the_data_only_of_a_free_record<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let look = || read(&*scene.records, &scene.entry, With::DataIfFree).expect("nothing fails");
    let held_view = look();
    assert_eq!((held_view.data, held_view.ends), (None, None));
    assert_eq!(held_view.record.map(|record| record.body), Some(held.body.clone()));
    assert_eq!(held_view.holder.map(|holder| holder.server), Some(server(1)));
    let release = held.release(&scene.entry, 2, true);
    scene.must_write(&mut held, release);
    assert_eq!(look().data, scene.read().data);
    assert!(look().data.is_some());
}

/// Absent, alive, or dead: each is told as it stands.
pub fn the_holder_is_told_with_its_presence<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.grant(1);
    let presence = || scene.read().holder.expect("it is held").presence;
    assert_eq!(presence(), None);
    let created = renewed(write_presence(&*scene.records, server(1), None, alive(0), 2));
    let (revision, stamped_at) = (created.revision, created.stamped_at);
    assert_eq!(presence(), Some(StoredPresence { revision, stamped_at, body: alive(0) }));
    let dead = PresenceBody { state: PresenceState::Dead, ..alive(1) };
    renewed(write_presence(&*scene.records, server(1), Some(revision), dead.clone(), 3));
    assert_eq!(presence().map(|presence| presence.body), Some(dead));
}

/// In the order asked for, with nothing for records that were never held.
pub fn a_check_tells_the_rows_in_order<H: RecordsHarness>() {
    let mut scene = Scene::<H>::new();
    let mut bodies = Vec::new();
    for (key, number) in [("a", 1), ("c", 2)] {
        scene.entry = entry(key);
        bodies.push(scene.grant(number).body);
    }
    let asked = ["c", "b", "a"].map(entry).to_vec();
    let answer = submit(&*scene.records, RecordCommand::Check(asked));
    let Ok(RecordReply::Checked(rows)) = answer else { panic!("no rows: {answer:?}") };
    let rows: Vec<_> = rows.into_iter().map(|row| row.expect("it is readable")).collect();
    let found: Vec<_> = rows.into_iter().map(|row| row.map(|record| record.body)).collect();
    let [a, c] = bodies.try_into().expect("two were granted");
    assert_eq!(found, [Some(c), None, Some(a)]);
}

#[track_caller]
fn check_moved(outcome: PresenceOutcome, stored: Option<&PresenceBody>) {
    let Outcome::Refused(PresenceRefusal::Moved(found)) = outcome else {
        panic!("not refused by what is stored: {outcome:?}")
    };
    assert_eq!(found.as_ref().map(|found| &found.body), stored);
}

/// A renewal is never a creation, and one that comes late is refused.
pub fn a_presence_is_created_once_and_renewed_on_its_own_revision<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let write =
        |base, seq, number| write_presence(&*scene.records, server(1), base, alive(seq), number);
    let never = Revision::first(write_id(99));
    check_moved(write(Some(never), 1, 1), None);
    let created = renewed(write(None, 0, 2));
    assert_eq!(created.revision, Revision::first(write_id(2)));
    check_moved(write(None, 0, 3), Some(&alive(0)));
    let second = renewed(write(Some(created.revision), 1, 4));
    assert!(second.stamped_at > created.stamped_at);
    check_moved(write(Some(created.revision), 2, 5), Some(&alive(1)));
    renewed(write(Some(second.revision), 2, 6));
}

/// Dead is final: nobody is brought to life by a late renewal.
pub fn a_dead_presence_is_told_to_who_would_renew_it<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let created = renewed(write_presence(&*scene.records, server(1), None, alive(0), 1));
    let dead = PresenceBody { state: PresenceState::Dead, ..alive(0) };
    let base = Some(created.revision);
    renewed(write_presence(&*scene.records, server(1), base, dead.clone(), 2));
    check_moved(write_presence(&*scene.records, server(1), base, alive(1), 3), Some(&dead));
    check_moved(write_presence(&*scene.records, server(1), None, alive(0), 4), Some(&dead));
}

fn wanted(number: u64) -> MailBody {
    let fence = Fence { counter: number, session: session(number) };
    MailBody { waiter: server(number), fence, kind: MailKind::HandOff }
}

/// In the round trip of the renewal, by record.
pub fn a_renewal_brings_the_mail_of_its_server_only<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let records = &*scene.records;
    let created = renewed(write_presence(records, server(1), None, alive(0), 1));
    assert_eq!(created.mail, []);
    for (to, key, number) in [(1, "b", 2), (1, "a", 3), (2, "c", 4)] {
        put_mail(records, server(to), &entry(key), wanted(number), number);
    }
    let outcome = write_presence(records, server(1), Some(created.revision), alive(1), 5);
    let mail = renewed(outcome).mail;
    let found: Vec<_> = mail.iter().map(|mail| (mail.entry.clone(), mail.body)).collect();
    assert_eq!(found, [(entry("a"), wanted(3)), (entry("b"), wanted(2))]);
    assert_eq!(read_mail(records, server(1)), mail);
    assert_eq!(read_mail(records, server(2)).len(), 1);
}

/// A deletion takes no mail that came meanwhile, and is no error where there is none any more.
pub fn mail_is_deleted_only_as_it_was_read<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let (records, id) = (&*scene.records, entry("a"));
    put_mail(records, server(1), &id, wanted(1), 1);
    let first = read_mail(records, server(1));
    put_mail(records, server(1), &id, wanted(2), 2);
    for mail in &first {
        delete_mail(records, server(1), mail);
    }
    let second = read_mail(records, server(1));
    assert_eq!(second.iter().map(|mail| mail.body).collect::<Vec<_>>(), [wanted(2)]);
    for _ in 0..2 {
        for mail in &second {
            delete_mail(records, server(1), mail);
        }
        assert_eq!(read_mail(records, server(1)), []);
    }
}

/// A full page, and then what is left.
pub fn pages_of_mail_end_and_go_on<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let records = &*scene.records;
    let count = u64::try_from(MAIL_PAGE).expect("a small number") + 1;
    for number in 1..=count {
        let id = entry(&format!("k{number:04}"));
        put_mail(records, server(1), &id, wanted(number), number);
    }
    let page = read_mail(records, server(1));
    assert_eq!(page.len(), MAIL_PAGE);
    for mail in &page {
        delete_mail(records, server(1), mail);
    }
    let rest = read_mail(records, server(1));
    assert_eq!(rest.iter().map(|mail| mail.body).collect::<Vec<_>>(), [wanted(count)]);
}

/// The lease names its server, whose presence names the opening that it lived in. From those and the
/// opening of now everybody sees that it is over.
pub fn a_lease_outlives_a_reopening_and_names_its_home<H: RecordsHarness>() {
    let mut scene = Scene::<H>::new();
    let opening = scene.read().opening;
    let home = Some(opening);
    let body = PresenceBody { home, ..alive(0) };
    renewed(write_presence(&*scene.records, server(1), None, body, 1));
    let held = scene.grant(2);
    if !scene.harness.reopen() {
        return;
    }
    (scene.records, scene.platform) = (scene.harness.records(), scene.harness.platform());
    let view = scene.read();
    assert_ne!(view.opening, opening, "every opening has an id of its own");
    assert_eq!(view.record.map(|record| record.body), Some(held.body));
    // Granted by server 2, whose row was never made; server 1 is that of the opening before.
    assert_eq!(view.holder.and_then(|holder| holder.presence), None);
    let again = write_presence(&*scene.records, server(1), None, alive(0), 3);
    let Outcome::Refused(PresenceRefusal::Moved(Some(stored))) = again else {
        panic!("a presence outlives its opening: {again:?}")
    };
    assert_eq!(stored.body.home, home);
}
