// Making the parts and introducing them to each other. Everything here happens once, on the starting thread;
// what is made is handed to its lane and not touched from here again.

import Domain
import Events
import FanOut
import HTTP
import Journal
import Lanes
import Logging
import Registry
import SQLiteEngine
import Settings
import Synchronization

/// The journal never opened.
struct NoHead: Error, CustomStringConvertible {
    let why: String
    var description: String { "the journal could not be opened: \(why)" }
}

/// A file of the gateway's could not be used.
struct BadFile: Error, CustomStringConvertible {
    let path: String
    let why: any Error
    var description: String { "\(path): \(why)" }

    /// Runs `open`; what it throws names the file, once.
    static func naming<Value>(_ path: String, _ open: () throws -> Value) throws -> Value {
        do { return try open() } catch  where !"\(error)".hasPrefix(path) {
            throw BadFile(path: path, why: error)
        }
    }
}

/// The parts of a gateway, made and joined.
struct Assembly {
    let configuration: Configuration
    let file: DatabaseFile
    let loops: [EventLoop]
    let shards: [Confined<Shard>]
    let receptions: [Confined<Reception>]
    let services: Services
    let registryLane: WorkerLane
    let tailing: Confined<Tailing>
    let retaining: Confined<Retaining>

    init(_ settings: LoadedConfiguration, catalogue: EntityCatalogue, log: Logger, clock: WallClock) throws {
        let configuration = settings.configuration
        self.configuration = configuration
        let file = DatabaseFile(
            path: configuration.database.path,
            busyTimeoutSeconds: Double(configuration.database.busyTimeout.milliseconds) / 1_000,
            synchronousFull: configuration.database.durability.isFullForUs)
        self.file = file
        try BadFile.naming(file.path) {
            switch configuration.database.mode {
            case .attached: try file.requireWAL()
            case .embedded: try ShopDatabase(file: file, catalogue: catalogue).bringForward()
            }
            try file.requireKnownSchema()
        }
        let nowhere = Head(epoch: Epoch(0), seq: .zero, nonce: .none)
        let ledger = TotalsLedger(TotalsLedger.Book(at: nowhere))

        registryLane = WorkerLane(name: "registry")
        let credentials = CredentialBook()
        let opened = try BadFile.naming(configuration.database.gatewayPath) {
            try Registry(
                path: configuration.database.gatewayPath, clock: clock, book: credentials,
                sanctum: SanctumLayout(configuration))
        }
        let service = opened.service
        let observations = Observations()
        observations.resume(try opened.observations(.wall))
        let ages = Observations(countMax: 4_096)
        ages.resume(try opened.observations(.service))
        let registry = Confined(opened, to: registryLane)

        let readers = ReaderPool(
            readers: try (0..<configuration.database.readers).map { index in
                let reader = try BadFile.naming(file.path) {
                    try SQLiteStateReader(file: file, catalogue: catalogue, ledger: ledger, clock: clock)
                }
                let lane = WorkerLane(name: "reader-\(index)")
                return (Confined<any StateReader>(reader, to: lane), lane)
            }, limits: ReadLimits(configuration.limits))
        let retry = RetryPlan(configuration)
        let roster = StreamRoster(limits: StreamLimits(configuration.limits))
        let events = ControlEvents(
            heartbeatSeconds: configuration.stream.heartbeat.wholeSeconds,
            fullSyncURL: configuration.server.publicURL + "/api/v1/sync/full",
            generation: catalogue.generation,
            wholeSet: catalogue.wholeSet, nameOf: { catalogue.name(of: $0) })
        let status = GatewayStatus()
        let committed = Waker()
        let uploads = try UploadDesk.make(
            configuration, file: file, catalogue: catalogue, clock: clock, log: log, committed: committed)
        services = Services(
            configuration: configuration, settingsShown: settings.shown, catalogue: catalogue, clock: clock,
            log: log,
            credentials: credentials,
            registry: registry, readers: readers,
            spools: SpoolBook(
                readers: readers, directory: Self.directory(of: file.path),
                shares: ByteShares(
                    bytesMax: configuration.limits.downloadsSize.bytes,
                    bytesMaxEach: configuration.limits.downloadsSizePerBusiness.bytes), clock: clock,
                epoch: { status.tailer.head?.epoch },
                shareFor: min(.seconds(2), configuration.retention.tombstones / 2)),
            observations: observations, ages: ages, service: service, events: events, roster: roster,
            status: status, retry: retry, uploads: uploads)

        let count = configuration.server.loops > 0 ? configuration.server.loops : EventLoop.coreCount
        loops = (0..<count).map { EventLoop(name: "loop-\($0)") }
        let shardSettings = ShardSettings(configuration, retry: retry)
        var shards: [Confined<Shard>] = []
        for (index, loop) in loops.enumerated() {
            let shard = Confined(on: loop) {
                Shard(
                    index: index, settings: shardSettings, events: events, lane: loop, clock: clock,
                    pages: readers,
                    roster: roster, random: SeededRandom(seed: .random(in: 0 ... .max)))
            }
            shards.append(shard)
        }
        self.shards = shards

        let tailLane = WorkerLane(name: "tailer", isPrompt: true)
        let services = services
        let hubShards = shards
        let hub = Confined(on: tailLane) { Hub(shards: hubShards, events: events, clock: clock) }
        for shard in shards {
            shard.post { $0.start(hub: hub, own: shard) }
            shard.post { $0.onEnd = { services.syncLog.add($0) } }
        }
        registry.post { registry in
            registry.onDeath = { died in
                let shutOut = died.filter { services.credentials.isShutOut($0) }
                for shard in hubShards {
                    shard.post {
                        $0.end(streamsOf: shutOut, saying: .revoked)
                        $0.end(streamsOf: died.subtracting(shutOut), saying: .credential)
                    }
                }
            }
        }
        let prefix = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        receptions = loops.enumerated().map { index, loop in
            let shard = hubShards[index]
            let reception = Confined(on: loop) {
                Reception(
                    services: services, shard: shard, lane: loop, index: index, prefix: "\(prefix)\(index)")
            }
            reception.post { $0.own = reception }
            return reception
        }
        let keepLane = WorkerLane(name: "keeper")
        let isEmbedded = configuration.database.mode == .embedded
        let keeping = Confined(on: keepLane) {
            Keeping(
                keeper: HookKeeper(file: file, catalogue: catalogue, writesVersionBack: isEmbedded),
                lane: keepLane, settings: KeepingSettings(configuration), services: services)
        }
        let paces = TailerSettings(configuration)
        let sidePath = configuration.database.gatewayPath + ".served"
        let crashes = CrashRule.here(everyWriterWaits: configuration.database.everyWriterWaits)
        let checkpointing =
            isEmbedded ? Self.checkpointing(file, log: services.log) : nil
        tailing = Confined(on: tailLane) {
            Tailing(
                file: file,
                source: SQLiteChangeSource(
                    file: file, catalogue: catalogue, ledger: ledger, sidePath: sidePath,
                    crashes: crashes),
                hub: hub, lane: tailLane, settings: paces,
                checkpointing: checkpointing, keeping: keeping, services: services)
        }
        tailing.post { $0.start() }
        committed.connect { [tailing] in tailing.post { $0.committed() } }
        let retainLane = WorkerLane(name: "retention")
        let retaining = Confined(on: retainLane) {
            Retaining(file: file, lane: retainLane, services: services)
        }
        self.retaining = retaining
        retaining.post { $0.start(own: retaining) }
        keeping.post { $0.start() }
    }

    private static func checkpointing(_ file: DatabaseFile, log: Logger) -> Confined<Checkpointing> {
        let lane = WorkerLane(name: "checkpoints")
        return Confined(on: lane) { Checkpointing(file: file, lane: lane, log: log) }
    }

    /// - Throws: `NoHead` when the journal cannot be opened.
    func waitForHead() throws {
        let end = ContinuousClock.now + .seconds(30)
        while services.status.tailer.head == nil {
            if ContinuousClock.now > end { throw NoHead(why: services.status.tailer.failure ?? "no answer") }
            if let failure = services.status.tailer.failure, failure.contains("no tidings journal") {
                throw NoHead(why: failure)
            }
            Latch().wait(limit: .milliseconds(1))
        }
        noteFirstEdition()
    }

    private func noteFirstEdition() {
        guard let epoch = services.status.tailer.head?.epoch else { return }
        let now = Edition(epoch: epoch, generation: services.catalogue.generation)
        let services = services
        let done = Latch()
        services.registry.post { registry in
            services.firstEdition.set((try? Edition.first(registry, now: now)) ?? now)
            done.open()
        }
        done.wait()
    }

    /// The admin listener's reception, on the first loop.
    ///
    /// - Parameters:
    ///   - isLoopback: Whether only this machine reaches it: nobody is asked for a token then.
    ///   - listeners: Asks for the number of times accepting had to pause.
    func ops(
        isLoopback: Bool,
        listeners: @Sendable @escaping (@Sendable @escaping (Int) -> Void) -> Void
    ) -> Confined<OpsReception> {
        let loop = loops[0]
        let services = services
        let collect = collector(listeners: listeners)
        let fleet = Fleet(shards: shards)
        let desk = WorkerLane(name: "ops")
        return Confined(on: loop) {
            OpsReception(
                services: services, fleet: fleet, lane: loop, desk: desk, isLoopback: isLoopback,
                collect: collect)
        }
    }

    /// Nil: it does not try itself.
    func canary(at address: LocalAddress) -> Confined<Canary>? {
        guard configuration.canary.every > .zero,
            let entity = services.catalogue.entities.first(where: { !$0.isOptional })
        else { return nil }
        let lane = WorkerLane(name: "canary")
        let (file, services) = (file, services)
        let canary = Confined(on: lane) {
            Canary(file: file, entity: entity, at: address, lane: lane, services: services)
        }
        canary.post { $0.start(own: canary) }
        return canary
    }

    /// Sums the tallies of all loops: one post each, answered when the last has come.
    private func collector(
        listeners: @Sendable @escaping (@Sendable @escaping (Int) -> Void) -> Void
    ) -> @Sendable (@Sendable @escaping (Tallies) -> Void) -> Void {
        let shards = shards
        let receptions = receptions
        let loops = loops
        return { done in
            let sum = TallySum(parts: shards.count * 2 + 1, done: done)
            for (index, shard) in shards.enumerated() {
                let loop = loops[index]
                shard.post { shard in
                    var part = Tallies()
                    part.shards = shard.counts
                    part.streams = shard.streamCount
                    part.longestTurn = loop.takeLongestTurn()
                    part.states = shard.states()
                    part.bufferedBytes = shard.bufferedBytes
                    sum.add(part)
                }
                receptions[index].post { reception in
                    var part = Tallies()
                    part.requests = reception.counts
                    sum.add(part)
                }
            }
            listeners { exhaustions in
                var part = Tallies()
                part.exhaustions = exhaustions
                sum.add(part)
            }
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Adds up parts. From any lane.
private final class TallySum: Sendable {
    private let state: Mutex<(left: Int, sum: Tallies)>
    private let done: @Sendable (Tallies) -> Void

    init(parts: Int, done: @Sendable @escaping (Tallies) -> Void) {
        state = Mutex((parts, Tallies()))
        self.done = done
    }

    func add(_ part: Tallies) {
        let whole: Tallies? = state.withLock { state in
            state.sum += part
            state.left -= 1
            return state.left == 0 ? state.sum : nil
        }
        if let whole { done(whole) }
    }
}
