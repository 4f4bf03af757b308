// An amount of memory. A type of its own, so that a size can never be passed where a count is meant.

/// A number of bytes, written `512B`, `64KiB`, `4MiB`, `1GiB`.
public struct ByteSize: Hashable, Comparable, Sendable {
    public let bytes: Int

    public init(bytes: Int) { self.bytes = bytes }
    public static func kibibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 10) }
    public static func mebibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 20) }
    public static func gibibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 30) }

    public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }
}

extension ByteSize: AdditiveArithmetic {
    public static let zero = ByteSize(bytes: 0)
    public static func + (left: ByteSize, right: ByteSize) -> ByteSize {
        ByteSize(bytes: left.bytes + right.bytes)
    }
    public static func - (left: ByteSize, right: ByteSize) -> ByteSize {
        ByteSize(bytes: left.bytes - right.bytes)
    }
}

extension ByteSize: CustomStringConvertible {
    fileprivate static let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

    /// In the largest unit that leaves a whole number.
    public var description: String {
        for (name, size) in Self.units where bytes >= size && bytes % size == 0 {
            return "\(bytes / size)\(name)"
        }
        return "\(bytes)B"
    }

    /// A whole number and its unit; a bare `0` is accepted, nothing else bare is.
    public init?(_ text: String) {
        if text == "0" {
            self.init(bytes: 0)
            return
        }
        for (name, size) in Self.units where text.hasSuffix(name) {
            guard let count = WholeNumber.parse(text.dropLast(name.count)), count <= Int.max / size else {
                return nil
            }
            self.init(bytes: count * size)
            return
        }
        return nil
    }
}
