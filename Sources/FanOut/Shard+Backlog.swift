// Streams that the tail cannot serve: page after page from the state index, each in a snapshot of its own and
// one in memory at a time, until a page ends at its snapshot's head.

import Domain
import Lanes

extension Shard {
    /// Asks for the page after the stream's token, or joins those who already wait for it.
    func readPage(_ stream: DeviceStream) {
        guard let token = stream.pageToken, !stream.isReading else { return }
        stream.isReading = true
        let request = PageRequest(token: token, scope: stream.scope)
        guard backlog.join(stream, request) else {
            counts.sharedReads += 1
            return
        }
        counts.pageReads += 1
        let own = own
        let events = events
        pages.page(after: token, scope: stream.scope, limit: settings.pageLimit) { result in
            // Encoded on the reader's lane: the loop only sends.
            let outcome: PageOutcome
            switch result {
            case .success(let delta):
                outcome = .page(PageSummary(delta), events.change(delta, writtenAt: nil))
            case .failure(let refusal as Refusal): outcome = .refused(refusal)
            case .failure: outcome = .failed
            }
            own?.post { $0.finishPage(request, outcome) }
        }
    }

    private func finishPage(_ request: PageRequest, _ outcome: PageOutcome) {
        if backlog.finish(request, with: outcome) { servePages() }
    }

    /// A slice of those who waited for pages, then the loop turns: a crowd that shared one read must not keep
    /// everyone else waiting until all have it.
    private func servePages() {
        for _ in 0..<Self.sliceStreams {
            guard let (stream, request, outcome) = backlog.next() else { return }
            serve(stream, request, outcome)
        }
        guard backlog.hasNext else { return }
        own?.post { $0.servePages() }
    }

    private func serve(_ stream: DeviceStream, _ request: PageRequest, _ outcome: PageOutcome) {
        stream.isReading = false
        guard stream.state.phase == .backlog else { return }
        switch outcome {
        // A history that the tailer has not seen yet: come back when it has.
        case .page(let page, _) where page.token.epoch != through?.epoch: bye(stream, .overload)
        case .page(let page, let frame): continueRound(stream, request, page, frame)
        case .refused(let refusal): reset(stream, refusal)
        case .failed: bye(stream, .overload)
        }
    }

    private func continueRound(
        _ stream: DeviceStream, _ request: PageRequest, _ page: PageSummary, _ frame: Frame
    ) {
        if !stream.isGreeted {
            greet(
                stream, id: presentedText(stream), epoch: page.token.epoch,
                at: Mark(seq: request.token.pos, nonce: request.token.nonce))
        }
        stream.pageToken = page.token
        switch stream.state.read(page: page) {
        case .writeAndReadOn:
            // The next read starts when the socket has taken this page: Shard.refill.
            stream.send([frame])
        case .writeAndJoin:
            stream.queue(frame)
            join(stream)
        case .join:
            join(stream)
        }
    }
}
