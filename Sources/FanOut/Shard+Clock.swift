// What happens because time passes: heartbeats, peers that went silent, streams that are too slow or too old,
// tails that nobody follows any more.

import Domain
import Lanes

extension Shard {
    func scheduleTick() {
        guard let own else { return }
        _ = lane.after(.seconds(1)) { own.with { $0.tick() } }
    }

    private func tick() {
        seconds += 1
        scheduleTick()
        wheel.turn(to: seconds)
        beat()
        expireWaiters()
        dropIdleTails()
    }

    /// Visits due streams, a slice a turn.
    private func beat() {
        guard !isBeating else { return }
        for _ in 0..<Self.sliceStreams {
            guard let stream = wheel.takeDue() else { return }
            guard !stream.isClosed else { continue }
            visit(stream)
            if !stream.isClosed { wheel.putBack(stream) }
        }
        guard wheel.hasDue else { return }
        isBeating = true
        own?.post { shard in
            shard.isBeating = false
            shard.beat()
        }
    }

    private func visit(_ stream: DeviceStream) {
        if isTooSlow(stream) { return cut(stream, counting: .slow) }
        if stream.state.phase == .closing {
            // Its `bye` did not get through for a whole period.
            return cut(stream, counting: .slow)
        }
        if settings.lifetimeSeconds > 0, seconds - Int(stream.openedAt) >= lifetime(of: stream) {
            return bye(stream, .lifetime)
        }
        guard seconds - Int(stream.lastWrite) >= wheel.period else { return }
        notePeer(of: stream)
        guard stream.blockedSince == nil, let frame = heartbeat(for: stream) else { return }
        stream.send([frame])
    }

    /// Shorter than configured by a part that differs from stream to stream.
    private func lifetime(of stream: DeviceStream) -> Int {
        let spread = settings.lifetimeSeconds * settings.lifetimeJitterPercent / 100
        return max(1, settings.lifetimeSeconds - Int(stream.id.rawValue % UInt64(spread + 1)))
    }

    private func isTooSlow(_ stream: DeviceStream) -> Bool {
        guard let since = stream.blockedSince, seconds - Int(since) >= settings.slowSecondsMax else {
            return false
        }
        let hasFallenOff = stream.state.next < stream.tail.firstNumber || stream.state.phase == .backlog
        return hasFallenOff
            || stream.unsentBytes + stream.tail.pendingBytes(from: stream.state.next) >= settings.slowBytesMax
    }

    /// A peer that has not acknowledged all it was sent when the next heartbeat is due, or takes nothing of
    /// what waits for it, has been silent for one.
    private func notePeer(of stream: DeviceStream) {
        let isSilent = stream.stream.unacknowledgedBytes > 0
        if isSilent != (stream.silentBeats > 0) || isSilent {
            stream.silentBeats = isSilent ? min(2, stream.silentBeats + 1) : 0
            roster.mark(stream.id, stream.identity, silent: stream.silentBeats >= 2)
        }
    }

    /// What a stream may promise now: its own position and not a seq more. Nil: nothing yet.
    func heartbeat(for stream: DeviceStream) -> Frame? {
        if !stream.isGreeted { return stream.state.phase == .closing ? nil : ControlEvents.waiting }
        guard let through else { return nil }
        let now = clock.now
        switch stream.state.phase {
        case .opening, .joining, .closing: return nil
        case .parked: return events.parkedHeartbeat(now: now)
        case .backlog:
            // Behind an empty page nothing was written that it could stand at; the next turn can.
            guard stream.state.ahead == nil, let token = stream.pageToken else { return nil }
            let to = Mark(seq: token.pos, nonce: token.nonce)
            let from = stream.state.reached.seq
            stream.state.reached = to
            return events.heartbeat(
                id: token.text, epoch: through.epoch, from: from, to: to, head: through.seq, now: now)
        case .live:
            let mark = Mark(through)
            // A page ended beyond what was published here: wait until the shard has caught up.
            guard stream.state.reached.seq <= mark.seq, stream.state.next == stream.tail.endNumber else {
                return nil
            }
            defer { stream.state.reached = mark }
            return stream.isNarrowed
                ? events.heartbeat(
                    id: events.token(stream.scope, through.epoch, mark), epoch: through.epoch,
                    from: stream.state.reached.seq, to: mark, head: through.seq, now: now)
                : sharedHeartbeat(stream.tail, at: through, now: now)
        }
    }

    /// The same bytes for every stream of a tail that has nothing pending, for this second.
    private func sharedHeartbeat(_ tail: Tail, at through: Head, now: Timestamp) -> Frame {
        if let cached = tail.heartbeat, cached.tick == seconds, cached.through == through.seq {
            return cached.frame
        }
        let mark = Mark(through)
        let frame = events.heartbeat(
            id: events.token(tail.key.scope, through.epoch, mark), epoch: through.epoch, from: tail.lastTo,
            to: mark,
            head: through.seq, now: now)
        tail.heartbeat = (seconds, through.seq, frame)
        return frame
    }

    private func dropIdleTails() {
        guard seconds % 10 == 0 else { return }
        for (key, tail) in tails {
            guard let since = tail.emptySince, seconds - since >= settings.tailLingerSeconds, tail.isOpen,
                tail.streams.isEmpty, tail.waiters.isEmpty
            else { continue }
            tails[key] = nil
            roster.closeTail(key)
            hub?.post { [index] in $0.close(key, shard: index) }
        }
    }
}
