//! A slab whose keys carry a generation: a key that outlived its entry finds nothing, and never a stranger.

use slab::Slab;

/// An index with the generation of what stands there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub index: u32,
    pub generation: u32,
}

/// A slab with generations.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    slab: Slab<(u32, T)>,
    /// Counts insertions, so that no key is ever minted twice in four billion.
    generation: u32,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Self { slab: Slab::new(), generation: 0 }
    }

    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Inserts what `build` makes of its own key.
    pub fn insert_with(&mut self, build: impl FnOnce(Key) -> T) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let index = u32::try_from(entry.key()).expect("an arena is bounded by its owner far below 2^32");
        let key = Key { index, generation: self.generation };
        entry.insert((self.generation, build(key)));
        key
    }

    pub fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value)
    }

    pub fn get(&self, key: Key) -> Option<&T> {
        let (generation, value) = self.slab.get(key.index as usize)?;
        (*generation == key.generation).then_some(value)
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (generation, value) = self.slab.get_mut(key.index as usize)?;
        (*generation == key.generation).then_some(value)
    }

    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.slab.iter().map(|(index, (generation, _))| Key { index: index as u32, generation: *generation })
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slab.iter().map(|(_, (_, value))| value)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.iter_mut().map(|(_, (_, value))| value)
    }

    /// The keys of the entries that are so.
    pub fn keys_where(&self, is_so: impl Fn(&T) -> bool) -> Vec<Key> {
        let found = self.slab.iter().filter(|(_, (_, value))| is_so(value));
        let key = |(index, (generation, _)): (usize, &(u32, T))| Key {
            index: u32::try_from(index).expect("an arena is bounded by its owner far below 2^32"),
            generation: *generation,
        };
        found.map(key).collect()
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.slab.try_remove(key.index as usize).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_outlived_its_entry_finds_nothing() {
        let mut arena = Arena::new();
        let first = arena.insert("first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second");
        assert_eq!(second.index, first.index);
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.get_mut(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"second"));
        assert_eq!(arena.len(), 1);
    }
}
