//! Facts about how grants end and fences move.

use steadfast_core::record::{
    Data, ENDS_MAX, End, Fence, How, Lease, MailBody, MailKind, RecordBody, RecordWrite,
};

use super::calls::{Scene, committed, read_mail, server, session};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::{execute, remove, write_id};

/// The session stays, its server is another, and what was sent before loses.
pub fn an_adoption_moves_the_fence_and_keeps_the_lease<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let late = held.save(&scene.entry, 2);
    let id = write_id(3);
    let lease = held.body.lease.expect("it was granted");
    let lease = Some(Lease { server: server(9), ..lease });
    let fence = held.body.fence.next(session(1));
    let body = RecordBody { lease, fence, write_id: id, ..held.body.clone() };
    let adopt = RecordWrite::new(scene.entry.clone(), held.base, body, Data::Keep);
    scene.must_write(&mut held, adopt);
    assert!(committed_is_refused(&scene, &late));
    let view = scene.read();
    assert_eq!(view.holder.map(|holder| holder.server), Some(server(9)));
    assert_eq!(view.ends.as_deref(), Some(&[][..]), "no grant ended");
    let save = held.save(&scene.entry, 4);
    scene.must_write(&mut held, save);
}

fn committed_is_refused<H: RecordsHarness>(scene: &Scene<H>, write: &RecordWrite) -> bool {
    scene.write(write).committed().is_none()
}

/// Who takes a record from a living server ends the grant and tells that server, in one write.
pub fn a_seizure_ends_the_grant_and_tells_the_holder<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let save = held.save(&scene.entry, 2);
    scene.must_write(&mut held, save);
    let view = scene.read();
    let (base, id) = (view.base().expect("the data was read"), write_id(3));
    let stored = view.record.expect("it was granted");
    let (body, end, revoked) = stored.seized(id, How::Stolen);
    let entry = scene.entry.clone();
    let write = RecordWrite { end, revoked, ..RecordWrite::new(entry, base, body, Data::Same) };
    committed(scene.write(&write));

    let mail = read_mail(&*scene.records, server(1));
    let told: Vec<MailBody> = mail.iter().map(|mail| mail.body).collect();
    let fence = held.body.fence;
    assert_eq!(told, [MailBody { waiter: server(1), fence, kind: MailKind::Revoked }]);
    assert_eq!(mail.first().map(|mail| &mail.entry), Some(&scene.entry));
    let (save_seq, write_id) = (1, write_id(2));
    let end = End { fence, save_seq, write_id, how: How::Stolen };
    let view = scene.read();
    assert_eq!(view.ends.as_deref(), Some(&[end][..]));
    assert_eq!(view.end_of(|end| end.fence == fence), Some(end));
    assert_eq!(view.record.and_then(|record| record.body.lease), None);
    assert!(committed_is_refused(&scene, &held.save(&scene.entry, 4)), "the fence moved");
}

/// The seventeenth end pushes out the first.
pub fn w10_the_last_sixteen_ends_are_kept<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut fences: Vec<Fence> = Vec::new();
    let count = u64::try_from(ENDS_MAX).expect("a small number");
    for round in 0..=count {
        let mut held = scene.grant(10 + 2 * round);
        fences.push(held.body.fence);
        let release = held.release(&scene.entry, 11 + 2 * round, false);
        scene.must_write(&mut held, release);
        let ends = scene.read().ends.expect("the ends were read");
        let kept: Vec<Fence> = ends.iter().map(|end| end.fence).collect();
        let skip = fences.len().saturating_sub(ENDS_MAX);
        assert_eq!(kept, fences.get(skip..).unwrap_or_default(), "oldest first");
    }
    assert_eq!(fences.len(), ENDS_MAX + 1);
}

/// A session of before the deletion can never write again.
pub fn a_fence_goes_on_after_the_entry_was_deleted<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let release = held.release(&scene.entry, 2, true);
    scene.must_write(&mut held, release);
    execute(&*scene.platform, remove(&scene.entry, 100, None)).expect("nothing fails here");
    assert!(scene.body().fence >= held.body.fence);
    let again = scene.grant(3);
    assert!(again.body.fence.counter > held.body.fence.counter);
    assert_eq!(scene.stored().map(|state| state.revision.counter), Some(4));
}
