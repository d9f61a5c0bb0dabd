//! What the sessions of one record held in memory, one after the other, and which grew out of which.
//!
//! ```text
//!   span 0   0 ── 1 ── 2 ── 3 ── 4          a session
//!   span 1             2 ── 3'── 4'── 5'    the next one: it began with what was stored, which is 2
//! ```
//!
//! A marker names its edits in their order, so what grew out of what is a tree, and each place in it
//! has one marker. A place is looked up without a search: a span and a number of edits.

use super::super::witness::Marker;

/// What one session held.
#[derive(Clone, Debug)]
struct Span {
    /// The span in which its first marker stands too.
    parent: Option<usize>,
    first: u64,
    mixes: Vec<u64>,
}

impl Span {
    fn holds(&self, marker: Marker) -> bool {
        let index = marker.count.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        index.and_then(|index| self.mixes.get(index)) == Some(&marker.mix)
    }

    fn last(&self) -> Marker {
        let edits = u64::try_from(self.mixes.len()).expect("an address has at most 64 bits");
        let mix = *self.mixes.last().expect("a span holds what it began with");
        Marker { count: self.first + edits - 1, mix }
    }
}

/// The spans of one record.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Lineage {
    spans: Vec<Span>,
}

impl Lineage {
    /// A span that begins with a marker of that span, or with one that comes from nowhere.
    pub(in super::super) fn begin(&mut self, first: Marker, parent: Option<usize>) -> usize {
        self.spans.push(Span { parent, first: first.count, mixes: vec![first.mix] });
        self.spans.len() - 1
    }

    /// One more edit. False if it does not follow the last.
    pub(in super::super) fn push(&mut self, span: usize, marker: Marker) -> bool {
        let Some(span) = self.spans.get_mut(span) else { return false };
        let follows = span.last().count + 1 == marker.count;
        if follows {
            span.mixes.push(marker.mix);
        }
        follows
    }

    /// The newest span that holds a marker.
    pub(in super::super) fn find(&self, marker: Marker) -> Option<usize> {
        self.spans.iter().rposition(|span| span.holds(marker))
    }

    /// Whether a session held a marker.
    pub(in super::super) fn holds(&self, span: usize, marker: Marker) -> bool {
        self.spans.get(span).is_some_and(|span| span.holds(marker))
    }

    /// What a session began with.
    pub(in super::super) fn first(&self, span: usize) -> Option<Marker> {
        let span = self.spans.get(span)?;
        Some(Marker { count: span.first, mix: *span.mixes.first()? })
    }

    /// What a session held last.
    pub(in super::super) fn last(&self, span: usize) -> Option<Marker> {
        self.spans.get(span).map(Span::last)
    }

    /// The spans that a marker of this one grew through, from it to the root, each with the number
    /// of edits at which it is left.
    pub(in super::super) fn path(
        &self,
        span: usize,
        marker: Marker,
    ) -> impl Iterator<Item = (usize, u64)> {
        let mut next = Some((span, marker.count));
        std::iter::from_fn(move || {
            let (index, until) = next?;
            let span = self.spans.get(index)?;
            next = span.parent.map(|parent| (parent, span.first));
            Some((index, until))
        })
    }

    /// Whether a marker of a span holds all edits of another marker.
    pub(in super::super) fn grew(&self, span: usize, marker: Marker, from: Marker) -> bool {
        // A span may have gone on after the place at which another left it.
        let stood = |(at, until): (usize, u64)| from.count <= until && self.holds(at, from);
        self.path(span, marker).any(stood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(count: u64, mix: u64) -> Marker {
        Marker { count, mix }
    }

    /// 0, 10, 20, 30 in one span; 20, 31 in another that left it there.
    fn fork() -> Lineage {
        let mut lineage = Lineage::default();
        let root = lineage.begin(marker(0, 0), None);
        for edits in 1..=3 {
            assert!(lineage.push(root, marker(edits, edits * 10)));
        }
        let fork = lineage.begin(marker(2, 20), Some(root));
        assert!(lineage.push(fork, marker(3, 31)));
        lineage
    }

    #[test]
    fn a_marker_grew_from_what_stands_before_it_and_from_no_sibling() {
        let lineage = fork();
        assert!(lineage.grew(1, marker(3, 31), marker(1, 10)));
        assert!(lineage.grew(1, marker(3, 31), marker(3, 31)));
        assert!(lineage.grew(0, marker(3, 30), marker(0, 0)));
        assert!(!lineage.grew(1, marker(3, 31), marker(3, 30)));
        assert!(!lineage.grew(0, marker(2, 20), marker(3, 30)));
    }

    #[test]
    fn a_marker_is_found_in_the_newest_span_that_holds_it() {
        let lineage = fork();
        assert_eq!(lineage.find(marker(2, 20)), Some(1));
        assert_eq!(lineage.find(marker(3, 30)), Some(0));
        assert_eq!(lineage.find(marker(3, 32)), None);
        assert_eq!((lineage.first(1), lineage.last(1)), (Some(marker(2, 20)), Some(marker(3, 31))));
    }

    #[test]
    fn an_edit_follows_the_last_one() {
        let mut lineage = fork();
        assert!(!lineage.push(1, marker(5, 50)));
        assert!(!lineage.push(1, marker(3, 33)));
        assert!(lineage.push(1, marker(4, 40)));
    }
}
