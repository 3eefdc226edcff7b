// The local work of one committee member as the paper computes it, F^R, in NTL on unpacked shares:
// every share is checked, sum of r * x * (1 - x), and added up. Prints CPU seconds.
//
//   member RULE FIELD PEERS PARAMETERS THETA
//   RULE   rsa: a bit a parameter
//          cc: THETA bits a parameter, put together; the squared length goes into the check
//          flt: like cc, with a sign; also the trust score, and the sum weighted by it
//   FIELD  ZZ_p: NTL's general prime field, p = 2^61 - 1
//          zz_p: its field of single words, p = 2^60 - 93
//
// One vector r serves all peers, and neither it nor the shares are drawn while the clock runs.
#include <NTL/ZZ_p.h>
#include <NTL/lzz_p.h>
#include <NTL/vector.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <random>
#include <string>

using NTL::Vec;
using NTL::ZZ_p;
using NTL::zz_p;

struct Case {
    bool bits, signs;  // rsa: bits alone; flt: a sign beside the magnitude
    long peers, parameters, theta;
    long a_parameter() const { return bits ? 1 : theta + signs; }
    long elements() const { return parameters * a_parameter(); }
};

static double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

template <class F> static void draw(Vec<F>& values, long size, std::mt19937_64& source) {
    values.SetLength(size);
    for (long i = 0; i < size; i++) conv(values[i], static_cast<long>(source() >> 2));
}

template <class F> struct Member {
    Case at;
    Vec<F> r, root, sum, update;
    F check, one, a, t;

    Member(const Case& given, std::mt19937_64& source) : at(given) {
        draw(r, at.elements(), source);
        draw(root, at.parameters, source);
        sum.SetLength(at.parameters);
        update.SetLength(at.parameters);
        one = 1;
    }

    void is_bit(const F& x, const F& r_x) {  // adds r * x * (1 - x)
        sub(t, one, x);
        mul(t, t, x);
        mul(t, t, r_x);
        add(check, check, t);
    }

    void take_bits(const Vec<F>& x) {
        for (long j = 0; j < at.parameters; j++) {
            is_bit(x[j], r[j]);
            add(sum[j], sum[j], x[j]);
        }
    }

    void take_numbers(const Vec<F>& x, const F& trust) {
        F length, score;
        for (long j = 0; j < at.parameters; j++) {
            const long from = j * at.a_parameter();
            a = 0;
            for (long k = 0; k < at.a_parameter(); k++) is_bit(x[from + k], r[from + k]);
            for (long k = 0; k < at.theta; k++) {  // Horner
                add(a, a, a);
                add(a, a, x[from + k]);
            }
            mul(t, a, a);
            add(length, length, t);
            if (!at.signs) {
                add(sum[j], sum[j], a);
                continue;
            }
            mul(t, x[from + at.theta], a);  // (1 - 2 s) * magnitude
            add(t, t, t);
            sub(update[j], a, t);
            mul(t, update[j], root[j]);
            add(score, score, t);
        }
        if (at.signs)
            for (long j = 0; j < at.parameters; j++) {
                mul(t, trust, update[j]);
                add(sum[j], sum[j], t);
            }
        add(check, check, length);
        add(check, check, score);
    }
};

template <class F> static int measure(const Case& at) {
    std::mt19937_64 source(1);
    Member<F> member(at, source);
    Vec<F> shares, trust;
    double spent = 0;
    for (long peer = 0; peer < at.peers; peer++) {
        draw(shares, at.elements(), source);
        draw(trust, 1, source);
        const double start = cpu_seconds();
        at.bits ? member.take_bits(shares) : member.take_numbers(shares, trust[0]);
        spent += cpu_seconds() - start;
    }
    std::cerr << member.check << " " << member.sum[0] << "\n";  // so that it is computed
    std::printf("%.6f\n", spent);
    return 0;
}

int main(int count, char** words) {
    if (count != 6) {
        std::cerr << "usage: member rsa|cc|flt ZZ_p|zz_p PEERS PARAMETERS THETA\n";
        return 2;
    }
    const std::string rule = words[1], field = words[2];
    const Case at{rule == "rsa", rule == "flt", std::atol(words[3]), std::atol(words[4]),
                  std::atol(words[5])};
    if (field == "ZZ_p") {
        ZZ_p::init(NTL::power2_ZZ(61) - 1);
        return measure<ZZ_p>(at);
    }
    zz_p::init((1L << 60) - 93);
    return measure<zz_p>(at);
}
