//! Lengths with their sums: a Fenwick tree.
//!
//! Slot `i`, counted from 1, holds the sum of the `lowest_bit(i)` lengths that end with the `i`th.

/// The lengths of the chunks of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    sums: Vec<usize>,
}

impl Counts {
    /// One more length, behind the others.
    pub(super) fn push(&mut self, length: usize) {
        let slot = self.sums.len() + 1;
        let start = slot - lowest_bit(slot);
        self.sums.push(length + self.before(slot - 1) - self.before(start));
    }

    /// A length grew by one.
    pub(super) fn add(&mut self, index: usize) {
        self.change(index, |sum| sum + 1);
    }

    /// A length shrank by one.
    pub(super) fn subtract(&mut self, index: usize) {
        self.change(index, |sum| sum - 1);
    }

    fn change(&mut self, index: usize, change: impl Fn(usize) -> usize) {
        let mut slot = index + 1;
        while let Some(sum) = self.sums.get_mut(slot - 1) {
            *sum = change(*sum);
            slot += lowest_bit(slot);
        }
    }

    /// The sum of the lengths before this one.
    pub(super) fn before(&self, index: usize) -> usize {
        let (mut slot, mut sum) = (index, 0);
        while slot > 0 {
            sum += self.sums.get(slot - 1).copied().unwrap_or(0);
            slot -= lowest_bit(slot);
        }
        sum
    }

    /// The length that so many others lie before, as its index and what is left of the number;
    /// nothing if there are fewer.
    pub(super) fn find(&self, mut rest: usize) -> Option<(usize, usize)> {
        let mut index = 0;
        let mut step = self.sums.len().checked_next_power_of_two().unwrap_or(0);
        while step > 0 {
            if let Some(sum) = self.sums.get(index + step - 1).filter(|sum| **sum <= rest) {
                rest -= sum;
                index += step;
            }
            step /= 2;
        }
        (index < self.sums.len()).then_some((index, rest))
    }
}

impl FromIterator<usize> for Counts {
    fn from_iter<I: IntoIterator<Item = usize>>(lengths: I) -> Self {
        let mut sums: Vec<usize> = lengths.into_iter().collect();
        for slot in 1..=sums.len() {
            let sum = sums.get(slot - 1).copied().unwrap_or(0);
            if let Some(above) = sums.get_mut(slot + lowest_bit(slot) - 1) {
                *above += sum;
            }
        }
        Self { sums }
    }
}

fn lowest_bit(number: usize) -> usize {
    number & number.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_lengths_however_they_came() {
        for count in 0..70 {
            let lengths: Vec<usize> = (0..count).map(|n| n * n % 7).collect();
            let all: Counts = lengths.iter().copied().collect();
            let mut pushed = Counts::default();
            for length in &lengths {
                pushed.push(*length);
            }
            assert_eq!(all, pushed, "{count} lengths");
            for index in 0..=count {
                assert_eq!(all.before(index), lengths[..index].iter().sum::<usize>());
            }
        }
    }

    #[test]
    fn a_number_is_found_in_the_length_that_covers_it() {
        let mut lengths = vec![3, 1, 4, 1, 5, 9, 2, 6];
        let mut counts: Counts = lengths.iter().copied().collect();
        for (index, is_more) in [(0, true), (3, false), (7, true), (4, false)] {
            if is_more {
                counts.add(index);
            } else {
                counts.subtract(index);
            }
            lengths[index] = if is_more { lengths[index] + 1 } else { lengths[index] - 1 };
            let covering =
                lengths.iter().enumerate().flat_map(|(at, n)| (0..*n).map(move |rest| (at, rest)));
            let all: Vec<_> = covering.map(Some).chain([None, None]).collect();
            for (number, wanted) in all.into_iter().enumerate() {
                assert_eq!(counts.find(number), wanted, "{number} in {lengths:?}");
            }
        }
        assert_eq!(Counts::default().find(0), None);
    }
}
