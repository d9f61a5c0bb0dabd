//! Facts about what a holder writes.

use steadfast_core::record::{End, How};

use super::calls::{Scene, content_in, moved};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::{chain, write_id};
use crate::conformance::samples::content_of;

/// Each save is one revision of the entry, and moves the record by one.
pub fn l5_saves_follow_each_other_and_data_stores_read_them<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    for number in 2..=5 {
        let before = held.clone();
        let save = held.save(&scene.entry, number);
        let written = scene.must_write(&mut held, save);
        assert_eq!(held.body.fence, before.body.fence, "a save moves no fence");
        let stored = scene.stored().expect("the entry is there");
        assert_eq!(stored.content, Some(content_of(number)));
        assert_eq!(Some(stored.revision), written.base.entry.row);
        assert_eq!(stored.updated_at, written.stamped_at);
        let counter =
            |revision: Option<steadfast_core::Revision>| revision.map(|revision| revision.counter);
        assert_eq!(counter(written.base.record), Some(number));
        assert_eq!(scene.read().base().map(|base| base.record), Some(written.base.record));
    }
    let writes: Vec<u64> =
        chain(&*scene.platform, &scene.entry).iter().map(|revision| revision.tag).collect();
    assert_eq!(writes, [1, 2, 3, 4, 5], "each save is a revision of its own");
}

/// The refusal says which write got there first.
pub fn a_save_on_an_older_base_is_refused_with_the_rows_as_they_stand<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let (first, second) = (held.save(&scene.entry, 2), held.save(&scene.entry, 3));
    scene.must_write(&mut held, first);
    let view = moved(scene.write(&second));
    let stored = view.record.as_ref().expect("the record is there");
    assert_eq!((stored.body.write_id, stored.body.save_seq), (write_id(2), 1));
    assert_eq!(Some(stored.revision), held.base.record);
    assert_eq!(content_in(&view), Some(content_of(2)));
    assert_eq!(scene.stored().and_then(|state| state.content), Some(content_of(2)));
}

/// The value, the end of the grant and the free lease appear together.
pub fn a_release_with_a_save_is_one_write<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let granted = held.clone();
    let release = held.release(&scene.entry, 2, true);
    scene.must_write(&mut held, release);
    let view = scene.read();
    let stored = view.record.as_ref().expect("the row stays");
    assert_eq!(stored.body.lease, None);
    assert_eq!(stored.body.fence.counter, granted.body.fence.counter + 1);
    let (fence, save_seq, write_id) = (granted.body.fence, 1, write_id(2));
    let end = End { fence, save_seq, write_id, how: How::Released };
    assert_eq!(view.ends.as_deref(), Some(&[end][..]));
    assert_eq!(view.holder, None);
    assert_eq!(scene.stored().and_then(|state| state.content), Some(content_of(2)));
    assert_eq!(stored.stamped_at, scene.stored().expect("it is there").updated_at, "one write");
}

/// What did not change is not written.
pub fn a_release_without_a_save_writes_no_value<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let before = scene.stored();
    let release = held.release(&scene.entry, 2, false);
    let written = scene.must_write(&mut held, release);
    assert_eq!(scene.stored(), before);
    assert_eq!(written.base.entry.row, before.map(|state| state.revision));
    assert_eq!(chain(&*scene.platform, &scene.entry).len(), 1);
    assert_eq!(scene.body().lease, None);
}
