//! What lies between a client's socket and hyper.
//!
//! It hands over one request after the other, each once its head was checked. It therefore knows when a request begins
//! and where it ends, and whether the client takes what is sent to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use super::head::{self, BodyLength, RefusedHead};
use super::progress::Progress;

/// The size that the head of a request, its first line and its headers, must not reach.
pub(super) const HEAD_MAX: usize = 32 * 1024;

/// How much is read at once until a head is complete. Most heads are smaller.
const READ_SIZE: usize = 2048;

/// What hyper reads in place of a request that was refused. The site answers it with an error page.
const REFUSED: &[u8] = b"MALFORMED / HTTP/1.1\r\nhost: unknown\r\nconnection: close\r\n\r\n";

/// A client's socket.
pub(super) struct ClientStream {
    /// The limit keeps it from reading beyond the end of a request.
    socket: Take<TcpStream>,
    progress: Progress,
    /// What has arrived and was not handed over yet.
    arrived: Vec<u8>,
    reading: Reading,
    /// Whether the client was told that nothing more is sent.
    is_shut_down: bool,
}

/// What is being read.
#[derive(Clone, Copy)]
enum Reading {
    /// A head, of which this many bytes were looked at.
    Head { seen: usize },
    /// A request with this many bytes left. Its head was checked.
    Request { left: u64 },
    /// Everything, until the connection ends.
    Rest,
    /// Nothing more than what has arrived.
    Nothing,
}

impl ClientStream {
    pub(super) fn new(socket: TcpStream, progress: Progress) -> Self {
        Self {
            socket: socket.take(0),
            progress,
            arrived: Vec::new(),
            reading: Reading::Head { seen: 0 },
            is_shut_down: false,
        }
    }

    /// Looks at what has arrived of a head.
    fn look(&mut self, seen: usize) -> Result<Reading, RefusedHead> {
        let end = head::end(&self.arrived, seen)?;
        let length = end.unwrap_or(self.arrived.len());
        if length >= HEAD_MAX {
            return Err(RefusedHead::TooLarge);
        }
        let Some(end) = end else {
            return Ok(Reading::Head { seen: length });
        };
        Ok(match head::check(&self.arrived[..end])? {
            BodyLength::Exactly(length) => Reading::Request {
                left: length.saturating_add(end as u64),
            },
            BodyLength::Chunked => Reading::Rest,
        })
    }

    /// Reads until a head is complete or refused.
    fn poll_head(&mut self, context: &mut Context<'_>, mut seen: usize) -> Poll<io::Result<Reading>> {
        loop {
            // Some clients send an empty line after a form.
            while self.arrived.starts_with(b"\r\n") {
                self.arrived.drain(..2);
                seen = 0;
            }
            if !self.arrived.is_empty() {
                self.progress.head_began();
            }
            match self.look(seen) {
                Ok(Reading::Head { seen: now }) => seen = now,
                Ok(complete) => {
                    self.progress.head_ended();
                    return Poll::Ready(Ok(complete));
                }
                Err(refused) => {
                    self.progress.head_ended();
                    self.progress.refused(refused);
                    self.arrived = REFUSED.to_vec();
                    return Poll::Ready(Ok(Reading::Nothing));
                }
            }
            self.reading = Reading::Head { seen };
            self.arrived.reserve(READ_SIZE);
            let count = ready!(poll_read_buf(
                Pin::new(self.socket.get_mut()),
                context,
                &mut self.arrived
            ))?;
            if count == 0 {
                // The client has gone. hyper learns it from what there is.
                return Poll::Ready(Ok(Reading::Rest));
            }
        }
    }

    /// Hands over at most `max` bytes: what has arrived first, then what arrives. Returns how many.
    fn poll_pass(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>, max: u64) -> Poll<io::Result<u64>> {
        let before = into.filled().len();
        if self.arrived.is_empty() {
            self.socket.set_limit(max);
            ready!(Pin::new(&mut self.socket).poll_read(context, into))?;
        } else {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            let count = self.arrived.len().min(into.remaining()).min(max);
            into.put_slice(&self.arrived[..count]);
            self.arrived.drain(..count);
        }
        Poll::Ready(Ok((into.filled().len() - before) as u64))
    }

    /// Notes how much the client has taken. An error takes nothing: hyper closes the connection then.
    fn note_written(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(count) => self.progress.wrote(Some(*count.as_ref().unwrap_or(&0))),
            Poll::Pending => self.progress.wrote(None),
        }
    }

    /// Whether the client may be sending something that hyper will not read.
    fn is_unread(&self) -> bool {
        match self.reading {
            Reading::Head { .. } => false,
            Reading::Request { left } => left > 0,
            Reading::Rest | Reading::Nothing => true,
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.reading {
                Reading::Head { seen } => self.reading = ready!(self.poll_head(context, seen))?,
                Reading::Request { left: 0 } => self.reading = Reading::Head { seen: 0 },
                Reading::Request { left } => {
                    let count = ready!(self.poll_pass(context, into, left))?;
                    self.reading = Reading::Request { left: left - count };
                    return Poll::Ready(Ok(()));
                }
                // An end would make hyper drop the request, as if the client had gone.
                Reading::Nothing if self.arrived.is_empty() => return Poll::Pending,
                Reading::Rest | Reading::Nothing => return self.poll_pass(context, into, u64::MAX).map_ok(|_| ()),
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.socket.get_mut()).poll_write(context, bytes);
        self.note_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.socket.get_mut()).poll_write_vectored(context, parts);
        self.note_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.socket.get_mut()).poll_flush(context)
    }

    /// Says that nothing more is sent. Then drops what the client may still be sending: a connection that is closed
    /// while data arrives is reset, and the client may lose the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut_down {
            ready!(Pin::new(self.socket.get_mut()).poll_shutdown(context))?;
            self.is_shut_down = true;
            self.progress.lingers();
        }
        while self.is_unread() {
            let mut dropped = [0; 4096];
            let mut dropped = ReadBuf::new(&mut dropped);
            ready!(Pin::new(self.socket.get_mut()).poll_read(context, &mut dropped))?;
            if dropped.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
