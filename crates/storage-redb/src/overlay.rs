//! A storage that reads a file and keeps every write to itself.
//!
//! It lets the engine open, repair and check a file that must not change: to see whether a store
//! went back before anything is written to it, and to examine or read a damaged one.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Bytes of a block that is copied when it is first written to.
const BLOCK_SIZE: usize = 4_096;
const BLOCK_SIZE_U64: u64 = 4_096;

/// A storage over another that is never written to.
#[derive(Debug)]
pub(crate) struct Overlay {
    base: Arc<dyn StorageBackend>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// Where the base ends for us: what was cut off does not come back.
    base_len: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Overlay {
    pub(crate) fn new(base: Arc<dyn StorageBackend>) -> io::Result<Self> {
        let len = base.len()?;
        let state = State { len, base_len: len, blocks: BTreeMap::new() };
        Ok(Self { base, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Blocks are replaced whole, so a panic elsewhere leaves nothing half-changed here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a block of the base, zeros behind its end.
    fn base_block(&self, state: &State, block: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK_SIZE];
        let start = block.saturating_mul(BLOCK_SIZE_U64);
        let size = state.base_len.saturating_sub(start).min(BLOCK_SIZE_U64);
        let size = usize::try_from(size).unwrap_or(BLOCK_SIZE);
        if let Some(head) = bytes.get_mut(..size)
            && size > 0
        {
            self.base.read(start, head)?;
        }
        Ok(bytes)
    }
}

/// The parts of a range by block: the block, the start in it, and the size.
fn parts(offset: u64, size: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let mut left = size;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let start = usize::try_from(at % BLOCK_SIZE_U64).unwrap_or(0);
        let size = left.min(BLOCK_SIZE - start);
        let part = (at / BLOCK_SIZE_U64, start, size);
        left -= size;
        at = at.saturating_add(u64::try_from(size).unwrap_or(0));
        Some(part)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.lock();
        let size = u64::try_from(out.len()).unwrap_or(u64::MAX);
        if offset.saturating_add(size) > state.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = &mut *out;
        for (block, start, size) in parts(offset, rest.len()) {
            let (target, behind) =
                std::mem::take(&mut rest).split_at_mut_checked(size).unwrap_or_default();
            rest = behind;
            let owned;
            let bytes = if let Some(bytes) = state.blocks.get(&block) {
                bytes
            } else {
                owned = self.base_block(&state, block)?;
                &owned
            };
            if let Some(source) = bytes.get(start..start + size) {
                target.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        if len < state.len {
            let end = len.div_ceil(BLOCK_SIZE_U64);
            drop(state.blocks.split_off(&end));
            state.base_len = state.base_len.min(len);
            let tail = usize::try_from(len % BLOCK_SIZE_U64).unwrap_or(0);
            if let Some(last) = state.blocks.get_mut(&(len / BLOCK_SIZE_U64)) {
                last.iter_mut().skip(tail).for_each(|byte| *byte = 0);
            }
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        let mut rest = data;
        for (block, start, size) in parts(offset, data.len()) {
            let (source, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = behind;
            if !state.blocks.contains_key(&block) {
                let bytes = self.base_block(&state, block)?;
                state.blocks.insert(block, bytes);
            }
            let target = state.blocks.get_mut(&block).and_then(|b| b.get_mut(start..start + size));
            if let Some(target) = target {
                target.copy_from_slice(source);
            }
        }
        let end = offset.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        state.len = state.len.max(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;
    use steadfast_core::Rng;

    use super::*;

    #[test]
    fn it_behaves_as_a_file_of_its_own_and_the_base_stays() {
        let mut rng = Rng::seeded(3);
        let base = Arc::new(InMemoryBackend::new());
        let mut model: Vec<u8> = (0..20_000).map(|n| u8::try_from(n % 251).unwrap()).collect();
        base.set_len(20_000).unwrap();
        base.write(0, &model).unwrap();
        let before = model.clone();
        let overlay = Overlay::new(base.clone()).unwrap();
        for step in 0..2_000 {
            let len = u64::try_from(model.len()).unwrap();
            if rng.percent(5) {
                let len = rng.in_range(1..30_000);
                overlay.set_len(len).unwrap();
                model.resize(usize::try_from(len).unwrap(), 0);
                continue;
            }
            let offset = rng.below(len);
            let size = rng.in_range(0..9_000).min(len - offset);
            let (offset_at, size) =
                (usize::try_from(offset).unwrap(), usize::try_from(size).unwrap());
            if rng.percent(50) {
                let data = vec![u8::try_from(step % 256).unwrap(); size];
                overlay.write(offset, &data).unwrap();
                model[offset_at..offset_at + size].copy_from_slice(&data);
            } else {
                let mut out = vec![0; size];
                overlay.read(offset, &mut out).unwrap();
                assert_eq!(out, model[offset_at..offset_at + size], "step {step}");
            }
        }
        let mut unchanged = vec![0; 20_000];
        base.read(0, &mut unchanged).unwrap();
        assert_eq!(unchanged, before);
    }
}
