//! An allocator that can be searched: it places everything in one piece of memory, and
//! frees nothing.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::valgrind;

const SIZE: usize = 64 * 1024 * 1024;

#[global_allocator]
static ARENA: Arena = Arena {
    memory: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

#[repr(align(4096))]
struct Arena {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: each byte is allocated once.
unsafe impl Sync for Arena {}

// SAFETY: a block begins at an aligned address, and overlaps no other one.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut begin = 0;
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                begin = used.next_multiple_of(layout.align());
                begin.checked_add(layout.size()).filter(|end| *end <= SIZE)
            });
        match taken {
            // SAFETY: `begin` is inside the memory.
            Ok(_) => unsafe { self.memory.get().cast::<u8>().add(begin) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// Makes memcheck treat every copy of these words as unwritten.
///
/// # Panics
///
/// Panics if there is no copy of one of them: nothing would be watched.
pub fn forget(words: &[[u8; 8]]) {
    let used = ARENA.used.load(Ordering::Relaxed);
    // SAFETY: the program has one thread, so nothing writes meanwhile.
    let memory = unsafe { std::slice::from_raw_parts(ARENA.memory.get().cast::<u8>(), used) };
    // The search reads everything, even memory that was never written.
    valgrind::remember(memory);
    // Finds all of them before the first is forgotten.
    let places_of = |word: &[u8; 8]| {
        let found = memory
            .windows(8)
            .zip(0..)
            .filter(|(bytes, _)| bytes == word);
        found.map(|(_, place)| place).collect::<Vec<_>>()
    };
    let places = words.iter().map(places_of).collect::<Vec<_>>();
    let all_found = places.iter().all(|places| !places.is_empty());
    assert!(all_found, "a word of the secret is not in memory");
    for place in places.into_iter().flatten() {
        valgrind::forget(&memory[place..place + 8]);
    }
}
