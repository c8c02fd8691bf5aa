//! A long list in blocks of one size: what it holds never moves, and it has room for little more than that.
//!
//! A `Vec` that grows asks for twice the memory, and while it moves for three times. For ten million rows that is
//! most of what they take. Here only the first block grows so, because there may be millions of short lists.
//!
//! 70,000 items are one block of 65,536 and one of which 4,464 places are taken.

use std::mem::size_of;

/// Items of a block.
const BLOCK: usize = 1 << 16;

/// The list.
#[derive(Debug)]
pub(crate) struct Blocks<T>(Vec<Vec<T>>);

impl<T: Copy> Blocks<T> {
    pub(crate) const fn new() -> Self {
        Self(vec![])
    }

    pub(crate) fn len(&self) -> usize {
        self.0.split_last().map_or(0, |(last, full)| full.len() * BLOCK + last.len())
    }

    pub(crate) fn push(&mut self, item: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(item),
            None => self.0.push(vec![item]),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.0.push(block);
            }
        }
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.0.last_mut()?.last_mut()
    }

    /// The item at a place, which must be one of the list.
    pub(crate) fn at(&self, place: usize) -> T {
        self.0[place / BLOCK][place % BLOCK]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.0.iter().flatten().copied()
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        let items = self.0.iter().map(Vec::capacity).sum::<usize>();
        items * size_of::<T>() + self.0.capacity() * size_of::<Vec<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_was_given_and_little_room_besides() {
        let mut list = Blocks::new();
        assert_eq!((list.len(), list.size()), (0, 0));
        for item in 0..200_000_u32 {
            list.push(item);
        }
        assert_eq!(list.len(), 200_000);
        assert!(list.iter().eq(0..200_000));
        assert_eq!([list.at(0), list.at(BLOCK), list.at(199_999)], [0, 65_536, 199_999]);
        assert!(list.size() < 4 * (200_000 + BLOCK) + 1_024, "{}", list.size());
    }
}
