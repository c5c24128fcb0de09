// SPDX-License-Identifier: Apache-2.0

/// A set that forgets: an element stays for at least `lifetime` seconds, and for at most twice that.
package struct RecentSet<Element: Hashable> {
    private let lifetime: Int64
    private var current: Set<Element> = []
    private var previous: Set<Element> = []
    private var turned: Int64?

    package init(lifetime: Int64) {
        self.lifetime = lifetime
    }

    /// False when the element is there already. A clock that goes back keeps everything.
    package mutating func insert(_ element: Element, now: Int64) -> Bool {
        let age = now &- (turned ?? now)
        if turned == nil { turned = now }
        if age >= lifetime {
            previous = age >= 2 * lifetime ? [] : current
            current = []
            turned = now
        }
        return !previous.contains(element) && current.insert(element).inserted
    }
}
