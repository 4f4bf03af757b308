// Other programs, started by tests that run beside each other. Before it starts a child, Foundation looks up
// which descriptors are open, to close them in it: what another thread opens behind that look, the child
// keeps. If that is another child's pipe, or the socket by which another child's end is told, whoever waits
// for that end waits for both. So pipes are made and children started one at a time.

public import Foundation
import Synchronization

private let turn = Mutex(())

extension Process {
    /// `run()`, while no other child is started and no pipe is made.
    public func start() throws { try turn.withLock { _ in try run() } }
}

extension Pipe {
    /// A pipe that no child has unless it is given it.
    public static func unshared() -> Pipe { turn.withLock { _ in Pipe() } }
}

/// Runs a program to its end. Returns its status and all it said.
///
/// - Parameter input: What it reads; nil: nothing.
public func runToEnd(
    _ program: String, _ arguments: [String], input: String? = nil, in folder: URL? = nil
) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    if let input { process.standardInput = try handle(reading: input) }
    let output = Pipe.unshared()
    process.standardOutput = output
    process.standardError = output
    try process.start()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

/// A file without a name: unlike a pipe it takes text of any length, and minds nobody who does not read it.
private func handle(reading text: String) throws -> FileHandle {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try FileHandle(forReadingFrom: file)
}
