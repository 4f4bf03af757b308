// One connection's requests and answers, in order. Each phase has one absolute deadline: a peer that sends a
// byte a second never gets further than one that sends none.
//
//     idle ─► head ─► body ─► answering (a worker may be busy) ─► writing ─► idle …
//                                        └─► handed over to a stream, and this is gone
//
// A request is parsed only when the one before it was answered: pipelined ones wait in a bounded buffer.

public import Lanes
import Telemetry

/// HTTP on one byte stream. Lives on the stream's loop.
public final class Exchange: ByteStreamOwner {
    private enum Phase { case idle, head, body, answering, writing, lingering, ended }

    private let stream: any ByteStream
    private let lane: any TimedLane
    private let settings: ExchangeSettings
    private unowned let responder: any Responder
    private let stamp: AnswerStamp
    private var parser: RequestParser
    private var phase = Phase.idle { didSet { debt.isOwed = phase != .idle && phase != .ended } }
    private let debt: AnswersOwed.Debt
    private var deadline: (any Alarm)?
    private var request: Request?
    /// Whether it is HEAD that is answered, also where the request did not come whole.
    private var isHead = false
    private var closesAfter = false
    private var out: [UInt8] = []
    private var outOffset = 0
    private var file: (descriptor: Int32, offset: Int64, left: Int, owner: AnyObject)?
    private var status = 0
    private var written = 0
    /// What the peer had taken of this answer when that was looked at last; nil: it has not kept us waiting.
    private var takenBefore: Int?
    private var place: AnyObject?
    private var receipt: (any Sendable)?
    private var askedAt = ContinuousClock.now
    private var lingeredBytes = 0
    private let held: ByteBudget.Hold
    /// Identifies the request in answers and logs.
    public private(set) var requestID = ""

    /// Takes the stream over and waits for a request.
    public init(
        stream: any ByteStream, lane: any TimedLane, settings: ExchangeSettings, responder: any Responder,
        stamp: AnswerStamp
    ) {
        self.stream = stream
        self.lane = lane
        self.settings = settings
        self.responder = responder
        self.stamp = stamp
        parser = RequestParser(limits: settings.parser)
        held = ByteBudget.Hold(of: settings.budget)
        debt = AnswersOwed.Debt(settings.owed)
        stream.owner = self
        enter(.head)
    }

    public var peerAddress: String { stream.peerAddress }

    // MARK: Answers

    /// The one answer to the current request. Ignored when the peer has gone.
    public func answer(_ response: Response) {
        guard phase == .answering else { return }
        status = response.status
        receipt = response.receipt
        place = response.place
        closesAfter = closesAfter || response.closesConnection
        out = head(of: response, framed: true)
        outOffset = 0
        takenBefore = nil
        if !isHead {
            switch response.body {
            case .none: break
            case .bytes(let bytes): out.append(contentsOf: bytes)
            case .file(let descriptor, let length, let owner): file = (descriptor, 0, length, owner)
            }
        }
        enter(.writing)
        write()
    }

    /// A way to answer from another lane.
    public var reply: Reply { Reply(exchange: LaneReference(self, on: lane)) }

    /// The head that this exchange would send, for an answer that the caller writes itself.
    public func head(of response: Response, framed: Bool) -> [UInt8] {
        var response = response
        response.fields += stamp.fields(requestID: requestID)
        if (closesAfter || !framed) && !response.closesConnection {
            response.fields.append(("Connection", "close"))
        }
        return response.head(framed: framed)
    }

    /// Hands the stream over: this exchange is over, and tells nobody. Nil when the peer has sent more than
    /// its request, or has gone.
    public func takeOver() -> (any ByteStream)? {
        guard phase == .answering else { return nil }
        deadline?.cancel()
        phase = .ended
        guard parser.bufferedBytes == 0 else {
            stream.close()
            return nil
        }
        stream.owner = nil
        // Pipelined behind another request, it was left paused: its new owner must hear of the peer.
        stream.resumeReading()
        return stream
    }

    // MARK: ByteStreamOwner

    public func streamReceived(_ bytes: Span<UInt8>) {
        switch phase {
        case .ended: return
        case .lingering:
            lingeredBytes += bytes.count
            return lingeredBytes > settings.lingerBytesMax ? end() : ()
        case .idle: enter(.head)
        default: break
        }
        parser.receive(bytes)
        if phase == .head || phase == .body { proceed() }
        if !held.resize(to: heldBytes), phase == .head || phase == .body {
            Limit.met.add(.bodiesSize)
            giveUp(.error(503, "unavailable", "Too much is being received.", fields: [("Retry-After", "5")]))
        }
        if parser.bufferedBytes > settings.aheadBytesMax, phase == .answering || phase == .writing {
            stream.pauseReading()
        }
    }

    public func streamIsWritable() { write() }

    public func streamClosed() {
        deadline?.cancel()
        let wasBusy = phase == .answering || phase == .writing
        phase = .ended
        if wasBusy { tellAnswered(499) }
    }

    // MARK: Steps

    private func proceed() {
        do {
            switch try parser.next() {
            case .needsMore:
                stream.resumeReading()
                if phase == .head, parser.isInBody { enter(.body) }
            case .expectsContinue:
                enter(.body)
                let interim = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
                // A peer that does not even take this has read nothing of the answers before.
                guard stream.send(interim.span) == interim.count else { return end() }
                proceed()
            case .request(let request):
                self.request = request
                isHead = request.method == "HEAD"
                closesAfter = !request.keepsAlive || settings.owed.isLeaving
                requestID = stamp.nextRequestID()
                askedAt = .now
                receipt = nil
                enter(.answering)
                responder.respond(to: request, on: self)
            }
        } catch {
            refuse(error)
        }
    }

    private func refuse(_ error: ParseError) {
        switch error {
        case .lineTooLong, .headTooLarge: Limit.met.add(.headSize)
        case .bodyTooLarge: Limit.met.add(.bodySize)
        default: break
        }
        giveUp(.refusal(error))
    }

    /// The last answer on this connection, to a request that did not come whole.
    private func giveUp(_ response: Response) {
        requestID = stamp.nextRequestID()
        let response = parser.head.map { responder.refusal(response, of: $0, on: self) } ?? response
        request = nil
        isHead = parser.head?.method == "HEAD"
        parser = RequestParser(limits: settings.parser)
        held.resize(to: 0)
        closesAfter = true
        phase = .answering
        answer(response)
    }

    /// What is kept of requests, here and in the parser.
    private var heldBytes: Int { parser.heldBytes + (request?.body.count ?? 0) }

    private func write() {
        guard phase == .writing else { return }
        while outOffset < out.count {
            let bytes = out
            guard let taken = stream.send(bytes.span.extracting(outOffset..<bytes.count)) else { return }
            outOffset += taken
            written += taken
            if taken == 0 || outOffset < out.count { return stalled() }
        }
        while var part = file, part.left > 0 {
            guard let taken = stream.send(file: part.descriptor, from: &part.offset, count: part.left) else {
                return
            }
            part.left -= taken
            written += taken
            file = part
            if taken == 0 || part.left > 0 { return stalled() }
        }
        finishAnswer()
    }

    private func stalled() {
        if takenBefore == nil { takenBefore = taken }
        stream.whenWritable()
    }

    /// What the peer has taken of this answer, and not just our kernel's buffer. That is called writable only
    /// when a third of it is free: seconds, on a slow line.
    private var taken: Int { written - stream.unacknowledgedBytes }

    private func finishAnswer() {
        tellAnswered(status)
        let wasRefused = request == nil
        request = nil
        held.resize(to: parser.heldBytes)
        out = []
        outOffset = 0
        file = nil
        place = nil
        written = 0
        if closesAfter {
            // A peer that may still be sending must get the chance to read why nobody listens.
            if wasRefused { return linger() }
            return end()
        }
        guard parser.bufferedBytes > 0 else {
            enter(.idle)
            return stream.resumeReading()
        }
        // Nothing more is read until what is here was worked off: a peer that sends faster than it is
        // answered must not fill the memory. And not from within the last answer: a thousand pipelined
        // requests must not be a thousand frames deep.
        enter(.head)
        stream.pauseReading()
        LaneReference(self, on: lane).post { $0.proceedWithBuffered() }
    }

    private func tellAnswered(_ status: Int) {
        responder.answered(
            Answered(
                request: request, status: status, bytes: written, duration: .now - askedAt, receipt: receipt))
        receipt = nil
    }

    private func proceedWithBuffered() {
        if phase == .head { proceed() }
    }

    private func linger() {
        enter(.lingering)
        stream.finishSending()
        stream.resumeReading()
    }

    private func end() {
        deadline?.cancel()
        phase = .ended
        stream.close()
    }

    // MARK: Deadlines

    private func enter(_ phase: Phase) {
        self.phase = phase
        deadline?.cancel()
        let time: Duration
        switch phase {
        case .idle: time = settings.idleTime
        case .head: time = settings.headTime
        case .body: time = settings.bodyTime
        case .writing: time = settings.writeTime
        case .lingering: time = settings.lingerTime
        case .answering, .ended:
            deadline = nil
            return
        }
        deadline = lane.after(time) { [weak self] in self?.expired() }
    }

    private func expired() {
        switch phase {
        case .head: Limit.met.add(.headTime)
        case .body: Limit.met.add(.bodyTime)
        case .idle: Limit.met.add(.idleTime)
        case .answering, .writing, .lingering, .ended: break
        }
        switch phase {
        case .head where parser.bufferedBytes > 0, .body:
            giveUp(.error(408, "request_timeout", "The request did not arrive in time."))
        case .writing: judgePace()
        case .idle, .head, .lingering: end()
        case .answering, .ended: break
        }
    }

    /// Slow is well, unless it is a way to keep an answer here: anybody can take a byte now and then.
    private func judgePace() {
        let taken = taken
        let progress = taken - (takenBefore ?? 0)
        if Double(progress) >= Double(settings.writePaceBytes) * (settings.writeTime / .seconds(1)) {
            takenBefore = taken
            return enter(.writing)
        }
        Limit.met.add(progress > 0 ? .writePace : .writeTime)
        tellAnswered(499)
        phase = .ended
        stream.abort()
    }
}

/// Answers an exchange from any lane. Nothing happens if its peer has gone.
public struct Reply: Sendable {
    fileprivate let exchange: LaneReference<Exchange>

    /// The one answer. From any lane.
    public func callAsFunction(_ response: Response) {
        exchange.post { $0.answer(response) }
    }
}
