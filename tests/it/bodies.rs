//! A body that says what became of it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::sleep;

/// What has become of an [`Upload`].
#[derive(Clone, Default)]
pub struct Fate {
    read: Arc<AtomicUsize>,
    is_dropped: Arc<AtomicBool>,
}

impl Fate {
    /// How many bytes were read of it, once it is dropped.
    pub async fn read(&self) -> usize {
        while !self.is_dropped() {
            sleep(Duration::from_millis(1)).await;
        }
        self.read_so_far()
    }

    pub fn read_so_far(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    pub fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed)
    }
}

/// A body of frames that are there, and of those that never come.
pub struct Upload {
    pub frames: VecDeque<usize>,
    declared: Option<u64>,
    ends: bool,
    pub fate: Fate,
}

impl Upload {
    /// Frames of this many bytes, and then the end.
    pub fn of(frames: &[usize]) -> Self {
        Self {
            frames: frames.iter().copied().collect(),
            declared: None,
            ends: true,
            fate: Fate::default(),
        }
    }

    /// A body of which nothing more comes after these frames.
    pub fn stalled(frames: &[usize]) -> Self {
        let mut upload = Self::of(frames);
        upload.ends = false;
        upload
    }

    pub fn declared(mut self, length: u64) -> Self {
        self.declared = Some(length);
        self
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(length) => {
                self.fate.read.fetch_add(length, Ordering::Relaxed);
                let data = Bytes::from(vec![b'x'; length]);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ends && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.declared
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.fate.is_dropped.store(true, Ordering::Relaxed);
    }
}
