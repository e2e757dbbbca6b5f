// Streams in the xz container, through liblzma.
#pragma once

#include <string>

#include "deflate.hpp"

namespace native {

// What a decoder may hold besides its output: preset 9 needs 65 MiB, custom dictionaries rarely more than twice that.
constexpr uint64_t xz_memory_limit = uint64_t{256} << 20;

// The content of one or several xz streams in a row. DataError 'InvalidFormat' if they are damaged or end early,
// 'LimitExceeded' at the byte past `limit` or if decoding would need more memory than `memory_limit`.
std::string unxz(const Source& source, uint64_t limit, uint64_t memory_limit, const Bulk& bulk);

}  // namespace native
