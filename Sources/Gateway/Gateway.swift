// The parts joined, in the order they must come up and go down; nothing else is decided here.
//
//     tailer lane:  change source ─► tailer ─► hub          one thread, may block
//     loops:        shard · reception                       one thread each, never block
//     readers:      state reader                            one thread each, may block
//     registry:     registry                                one thread, may block
//
// Up: the catalogue and both files, loops with their shards, the tailer; the listeners last, once the first
// snapshot has given everything a head. Down: readiness fails, listening stops, streams are told and closed
// at a pace, the side file is marked clean, the lanes end.

import Dispatch
public import Domain
import Events
import FanOut
import Glibc
import HTTP
import Journal
public import Lanes
public import Logging
import Registry
import SQLiteEngine
public import Settings
import Synchronization

/// A running gateway. From any lane.
public final class Gateway: Sendable {
    /// Where it listens, for people and tests.
    public struct Addresses: Hashable, Sendable {
        public let port: UInt16
        public let adminPort: UInt16
    }

    public let addresses: Addresses
    let loops: [EventLoop]
    private let shards: [Confined<Shard>]
    private let listeners: Confined<Listeners>
    private let tailing: Confined<Tailing>
    private let retaining: Confined<Retaining>
    private let canary: Confined<Canary>?
    let registryLane: WorkerLane
    let services: Services
    private let onEnd: Mutex<[@Sendable () -> Void]> = Mutex([])
    private let watchers: Confined<Watchers>

    /// The listening sockets. Live on the first loop.
    private final class Listeners {
        var all: [TCPListener] = []
    }

    /// What must be kept. Lives on the registry's lane.
    private final class Watchers {
        var alarm: (any Alarm)?
        var memory = MemoryReturn()
    }

    /// Starts everything; returns once clients are served. Blocks.
    ///
    /// - Throws: What is wrong with the files or the addresses; nothing is left running that matters then.
    public static func start(
        _ settings: LoadedConfiguration, catalogue: EntityCatalogue, log: Logger, clock: WallClock = .system
    ) throws -> Gateway {
        SignalTrap.prepareProcess()
        MemoryReturn.prepareProcess()
        return try Gateway(
            Assembly(settings, catalogue: catalogue, log: log, clock: clock))
    }

    private init(_ assembly: Assembly) throws {
        loops = assembly.loops
        shards = assembly.shards
        services = assembly.services
        registryLane = assembly.registryLane
        tailing = assembly.tailing
        retaining = assembly.retaining
        let configuration = assembly.configuration
        try assembly.waitForHead()

        let (publicSocket, adminSocket) = try Self.listeningSockets(configuration)
        let ports = Mutex<(UInt16, UInt16)>((0, 0))
        let listeners = Confined(Listeners(), to: assembly.loops[0])
        let receptions = assembly.receptions
        let ops = assembly.ops(isLoopback: TCPListener.boundAddress(adminSocket).isLoopback) { body in
            listeners.post { box in body(box.all.reduce(0) { $0 + $1.exhaustions }) }
        }
        let done = Latch()
        let loops = assembly.loops
        let places = assembly.services.places
        listeners.post { box in
            let open = TCPListener(descriptor: publicSocket, on: loops[0], dealingTo: loops) {
                stream, index in
                switch places.take(stream.peerAddress) {
                case .served(let place):
                    stream.place = place
                    receptions[index].with(stream) { $0.accept($1) }
                case .answered(let place):
                    stream.place = place
                    receptions[index].with(stream) { $0.acceptBeyondLimit($1) }
                case .closed: stream.abort()
                }
            }
            let admin = TCPListener(descriptor: adminSocket, on: loops[0], dealingTo: [loops[0]]) {
                stream, _ in
                ops.with(stream) { $0.accept($1) }
            }
            box.all = [open, admin]
            ports.withLock { $0 = (open.port, admin.port) }
            done.open()
        }
        done.wait()
        self.listeners = listeners
        addresses = ports.withLock { Addresses(port: $0.0, adminPort: $0.1) }
        canary = assembly.canary(at: LocalAddress(of: publicSocket))
        watchers = Confined(Watchers(), to: registryLane)
        watchRegistry(every: configuration.credentials.revocationCheck)
    }

    /// Handed over, the tills' first and the operators' second; or bound to the configured addresses.
    private static func listeningSockets(_ configuration: Configuration) throws -> (Int32, Int32) {
        let inherited = InheritedSockets.take()
        let timeout = configuration.stream.userTimeout.wholeSeconds
        if let first = inherited.first { TCPListener.adopt(first, userTimeoutSeconds: timeout) }
        let tills =
            try inherited.first
            ?? TCPListener.bind(
                host: configuration.server.listen.host, port: configuration.server.listen.port,
                backlog: Int32(configuration.server.acceptBacklog), userTimeoutSeconds: timeout)
        let operators =
            try inherited.count > 1
            ? inherited[1]
            : TCPListener.bind(
                host: configuration.server.adminListen.host, port: configuration.server.adminListen.port,
                backlog: 128)
        return (tills, operators)
    }

    // MARK: Running

    /// Looks for tokens that died, and ends their streams.
    private func watchRegistry(every pause: Duration) {
        let services = services
        let watchers = watchers
        @Sendable func look(_ lane: WorkerLane) {
            services.registry.with { registry in
                do {
                    try registry.check()
                    try registry.keep()
                    services.status.registry(failure: nil)
                } catch {
                    services.status.registry(failure: "\(error)")
                }
                services.syncLog.flush(to: registry, log: services.log)
            }
            services.spools.sweep()
            watchers.with { watchers in
                watchers.memory.look(streams: services.roster.total)
                watchers.alarm = lane.after(pause) { look(lane) }
            }
        }
        registryLane.post { [registryLane] in look(registryLane) }
    }

    /// Ends in order: no new clients, every stream told, then everything stopped. Returns at once.
    ///
    /// - Parameter done: Called once, from some lane, when all streams are gone or the window has passed.
    public func drain(done: @Sendable @escaping () -> Void) {
        services.status.drain()
        canary?.post { $0.stop() }
        services.exchanges.owed.leave()
        services.log.notice("draining", metadata: ["streams": "\(services.roster.total)"])
        listeners.post { box in box.all.first?.close() }
        let left = Mutex(shards.count)
        let isDone = Mutex(false)
        let finish: @Sendable () -> Void = { [self] in
            let isFirst = isDone.withLock { isDone in
                defer { isDone = true }
                return !isDone
            }
            if isFirst { stop(done) }
        }
        let pace = Double(services.configuration.drain.closesPerSecond) / Double(shards.count)
        for shard in shards {
            shard.post { shard in
                shard.drain(closesPerSecond: pace) {
                    let isLast = left.withLock { left in
                        left -= 1
                        return left == 0
                    }
                    if isLast { finish() }
                }
            }
        }
        let window = services.configuration.drain.window
        registryLane.post { [registryLane] in _ = registryLane.after(window, finish) }
    }

    /// How long peers whose requests are under way are waited for, once the streams are gone.
    private static let answersWait = Duration.seconds(2)

    /// Uploads that were taken are finished, and what was asked is answered.
    private func stop(_ done: @Sendable @escaping () -> Void) {
        let waitForAnswers: @Sendable () -> Void = { [self] in
            let end = ContinuousClock.now + Self.answersWait
            registryLane.post { [self] in whenAnswered(until: end) { [self] in stopReading(done) } }
        }
        if let uploads = services.uploads { uploads.close(waitForAnswers) } else { waitForAnswers() }
    }

    /// Looks again and again; on the registry's lane.
    private func whenAnswered(
        until end: ContinuousClock.Instant, _ done: @Sendable @escaping () -> Void
    ) {
        guard services.exchanges.owed.count > 0, .now < end else { return done() }
        _ = registryLane.after(.milliseconds(10)) { [self] in whenAnswered(until: end, done) }
    }

    private func stopReading(_ done: @Sendable @escaping () -> Void) {
        retaining.post { $0.stop() }
        services.registry.post { [tailing, services] registry in
            do {
                try registry.keep()
                try services.writeDown(in: registry)
            } catch {
                services.log.error("the gateway's file was not written", metadata: ["error": "\(error)"])
            }
            services.syncLog.flush(to: registry, log: services.log)
            tailing.post { tailing in
                tailing.stop()
                done()
            }
        }
    }
}

/// Opens once; waits for that. From any lane, but a loop must not wait.
final class Latch: Sendable {
    private let gate = DispatchSemaphore(value: 0)

    func open() { gate.signal() }

    /// False when `limit` has passed. Costs nothing while it waits: the main thread spends its life here.
    @discardableResult func wait(limit: Duration = .seconds(60)) -> Bool {
        guard gate.wait(timeout: .now() + .milliseconds(limit.milliseconds)) == .success else { return false }
        gate.signal()
        return true
    }
}
