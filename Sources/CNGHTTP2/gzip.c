// SPDX-License-Identifier: Apache-2.0
#include "cnghttp2.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { gzip_window_bits = 15 + 16 };

void cnghttp2_gzip_free(uint8_t *memory) { free(memory); }

uint8_t *cnghttp2_gzip_compress(const uint8_t *input, size_t length, size_t *output_length) {
    if (length > INT_MAX / 2) {
        return NULL;
    }
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t capacity = deflateBound(&stream, (uLong)length);
    uint8_t *output = malloc(capacity);
    if (output == NULL) {
        deflateEnd(&stream);
        return NULL;
    }
    stream.next_in = (Bytef *)(uintptr_t)input;
    stream.avail_in = (uInt)length;
    stream.next_out = output;
    stream.avail_out = (uInt)capacity;
    int result = deflate(&stream, Z_FINISH);
    *output_length = capacity - stream.avail_out;
    deflateEnd(&stream);
    if (result != Z_STREAM_END) {
        free(output);
        return NULL;
    }
    return output;
}

int cnghttp2_gzip_inflate(
    const uint8_t *input, size_t length, size_t limit, uint8_t **output, size_t *output_length) {
    *output = NULL;
    *output_length = 0;
    if (length > INT_MAX / 2 || limit > INT_MAX / 2) {
        return -1;
    }
    z_stream stream = {0};
    if (inflateInit2(&stream, gzip_window_bits) != Z_OK) {
        return -1;
    }
    // One octet more than the limit, so that "too large" is told from "just fits".
    size_t bound = limit + 1;
    size_t capacity = length * 4 + 256;
    if (capacity > bound) {
        capacity = bound;
    }
    uint8_t *memory = malloc(capacity);
    size_t filled = 0;
    int verdict = memory == NULL ? -1 : 2;
    stream.next_in = (Bytef *)(uintptr_t)input;
    stream.avail_in = (uInt)length;
    // Each turn either fills more of the output, whose size is bounded, or ends the loop.
    while (verdict == 2) {
        if (filled == capacity) {
            if (capacity == bound) {
                verdict = 1;
                break;
            }
            size_t larger = capacity * 2 > bound ? bound : capacity * 2;
            uint8_t *grown = realloc(memory, larger);
            if (grown == NULL) {
                verdict = -1;
                break;
            }
            memory = grown;
            capacity = larger;
        }
        stream.next_out = memory + filled;
        stream.avail_out = (uInt)(capacity - filled);
        int result = inflate(&stream, Z_NO_FLUSH);
        size_t before = filled;
        filled = capacity - stream.avail_out;
        if (result == Z_STREAM_END) {
            // A gzip file may have several members; anything else behind the end is an error.
            if (stream.avail_in == 0) {
                verdict = filled > limit ? 1 : 0;
            } else if (inflateReset(&stream) != Z_OK) {
                verdict = -1;
            }
        } else if (result != Z_OK && !(result == Z_BUF_ERROR && stream.avail_out == 0)) {
            verdict = -1;
        } else if (filled == before && stream.avail_in == 0) {
            verdict = -1;
        }
    }
    inflateEnd(&stream);
    if (verdict != 0 || filled == 0) {
        free(memory);
        return verdict;
    }
    *output = memory;
    *output_length = filled;
    return 0;
}
