// What the endpoints share. Made once at start; everything in it may be used from any lane.

import Domain
import FanOut
import HTTP
import Journal
import Lanes
import Logging
import Registry
import Settings
import Synchronization

/// The parts behind the endpoints. Immutable; from any lane.
final class Services: Sendable {
    let configuration: Configuration
    let catalogue: EntityCatalogue
    let clock: WallClock
    let log: Logger
    let credentials: CredentialBook
    let registry: Confined<Registry>
    let readers: ReaderPool
    let spools: SpoolBook
    let observations: Observations
    let events: ControlEvents
    let roster: StreamRoster
    let cors: CORS
    let status: GatewayStatus
    let retry: RetryPlan
    /// Nil: no uploads are taken.
    let uploads: UploadDesk?
    let longLived: LongLivedOptions
    let exchanges: ExchangeSettings
    let places: ConnectionPlaces
    let waitPace = WaitPace()
    private let streamNumber = Atomic<UInt64>(0)

    init(
        configuration: Configuration, catalogue: EntityCatalogue, clock: WallClock, log: Logger,
        credentials: CredentialBook, registry: Confined<Registry>, readers: ReaderPool, spools: SpoolBook,
        observations: Observations, events: ControlEvents, roster: StreamRoster, status: GatewayStatus,
        retry: RetryPlan, uploads: UploadDesk?
    ) {
        self.configuration = configuration
        self.catalogue = catalogue
        self.clock = clock
        self.log = log
        self.credentials = credentials
        self.registry = registry
        self.readers = readers
        self.spools = spools
        self.observations = observations
        self.events = events
        self.roster = roster
        self.status = status
        self.retry = retry
        exchanges = ExchangeSettings(configuration.limits)
        places = ConnectionPlaces(configuration)
        self.uploads = uploads
        cors = CORS(configuration.browser)
        longLived = LongLivedOptions(
            sendBufferBytes: configuration.stream.sendBuffer.bytes,
            unsentLowWaterBytes: configuration.stream.unsentLowWater.bytes)
    }

    func nextStreamID() -> StreamID { StreamID(streamNumber.wrappingAdd(1, ordering: .relaxed).newValue) }

    /// An address of this API as answers name it.
    func url(_ path: String) -> String { configuration.server.publicURL + "/api/v1" + path }
}

extension Duration {
    var wholeSeconds: Int { Int(components.seconds) }
    var milliseconds: Int {
        Int(components.seconds) * 1_000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
