"""Compiled parts of `refa_cli.face.closest`: a tree of boxes over triangles, and the search in it.

The tree is an array of nodes. A node is a box and either two children or up to LEAF triangles, those from `first` on in
`order`. Children come in pairs: the second stands right after the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LEAF = 4
_DEPTH = 128  # of the search's stack: two for every level of a tree halved at each


@njit(cache=True)
def build(corners: Any) -> Any:
    """corners [F, 3, 3] -> (low [N, 3], high [N, 3], child [N], first [N], count [N], order [F]).

    child: of the first of two children, or -1 for a leaf, which holds order[first : first + count].
    """
    faces = len(corners)
    most = 2 * faces + 1
    low, high = np.empty((most, 3)), np.empty((most, 3))
    child = np.full(most, -1, np.int64)
    first, count = np.zeros(most, np.int64), np.zeros(most, np.int64)
    order = np.arange(faces)
    middle = np.empty((faces, 3))
    for f in range(faces):
        for d in range(3):
            middle[f, d] = corners[f, 0, d] + corners[f, 1, d] + corners[f, 2, d]
    count[0] = faces
    nodes, node = 1, 0
    while node < nodes:
        chosen = order[first[node] : first[node] + count[node]].copy()
        low[node], high[node] = np.inf, -np.inf
        spread_low, spread_high = np.full(3, np.inf), np.full(3, -np.inf)
        for f in chosen:
            for d in range(3):
                spread_low[d] = min(spread_low[d], middle[f, d])
                spread_high[d] = max(spread_high[d], middle[f, d])
                for c in range(3):
                    low[node, d] = min(low[node, d], corners[f, c, d])
                    high[node, d] = max(high[node, d], corners[f, c, d])
        if count[node] > LEAF:
            axis = np.argmax(spread_high - spread_low)
            order[first[node] : first[node] + count[node]] = chosen[np.argsort(middle[chosen, axis])]
            half = count[node] // 2
            child[node] = nodes
            first[nodes], count[nodes] = first[node], half
            first[nodes + 1], count[nodes + 1] = first[node] + half, count[node] - half
            nodes += 2
        node += 1
    return low[:nodes], high[:nodes], child[:nodes], first[:nodes], count[:nodes], order


@njit(cache=True)
def search(points: Any, corners: Any, low: Any, high: Any, child: Any, first: Any, count: Any, order: Any) -> Any:
    """points [Q, 3] -> (triangle [Q], barycentric [Q, 3]) of the closest point of the surface to each."""
    triangle = np.zeros(len(points), np.int64)
    barycentric = np.zeros((len(points), 3))
    stack = np.empty(_DEPTH, np.int64)
    bound = np.empty(_DEPTH)
    for q in range(len(points)):
        best = np.inf
        stack[0], bound[0] = 0, 0.0
        held = 1
        while held:
            held -= 1
            node = stack[held]
            if bound[held] >= best:
                continue
            if child[node] < 0:
                for i in range(first[node], first[node] + count[node]):
                    f = order[i]
                    a, b, c = nearest(points[q], corners[f])
                    square = 0.0
                    for d in range(3):
                        square += (
                            a * corners[f, 0, d] + b * corners[f, 1, d] + c * corners[f, 2, d] - points[q, d]
                        ) ** 2
                    if square < best:
                        best, triangle[q] = square, f
                        barycentric[q, 0], barycentric[q, 1], barycentric[q, 2] = a, b, c
                continue
            one, other = child[node], child[node] + 1
            near, far = box_distance(points[q], low[one], high[one]), box_distance(points[q], low[other], high[other])
            if near > far:
                one, other, near, far = other, one, far, near
            stack[held], bound[held] = other, far
            stack[held + 1], bound[held + 1] = one, near  # looked at first
            held += 2
    return triangle, barycentric


@njit(cache=True)
def box_distance(point: Any, low: Any, high: Any) -> float:
    """Squared distance from a point [3] to a box."""
    square = 0.0
    for d in range(3):
        off = max(low[d] - point[d], 0.0, point[d] - high[d])
        square += off * off
    return square


@njit(cache=True)
def nearest(p: Any, corners: Any) -> Any:
    """Barycentric (a, b, c) >= 0 of the point of a triangle [3, 3] that is nearest to p [3].

    Tells which corner, edge or the face p is nearest to by the signs of a few dot products.
    Source: Ericson, Real-Time Collision Detection, 2005, section 5.1.5.
    """
    ab_ap = ac_ap = ab_bp = ac_bp = ab_cp = ac_cp = 0.0
    for d in range(3):
        ab, ac = corners[1, d] - corners[0, d], corners[2, d] - corners[0, d]
        ap, bp, cp = p[d] - corners[0, d], p[d] - corners[1, d], p[d] - corners[2, d]
        ab_ap += ab * ap
        ac_ap += ac * ap
        ab_bp += ab * bp
        ac_bp += ac * bp
        ab_cp += ab * cp
        ac_cp += ac * cp
    if ab_ap <= 0 and ac_ap <= 0:
        return 1.0, 0.0, 0.0
    if ab_bp >= 0 and ac_bp <= ab_bp:
        return 0.0, 1.0, 0.0
    if ac_cp >= 0 and ab_cp <= ac_cp:
        return 0.0, 0.0, 1.0
    on_c = ab_ap * ac_bp - ab_bp * ac_ap
    if on_c <= 0 and ab_ap >= 0 and ab_bp <= 0 and ab_ap > ab_bp:
        t = ab_ap / (ab_ap - ab_bp)
        return 1.0 - t, t, 0.0
    on_b = ab_cp * ac_ap - ab_ap * ac_cp
    if on_b <= 0 and ac_ap >= 0 and ac_cp <= 0 and ac_ap > ac_cp:
        t = ac_ap / (ac_ap - ac_cp)
        return 1.0 - t, 0.0, t
    on_a = ab_bp * ac_cp - ab_cp * ac_bp
    total = on_a + on_b + on_c
    if (on_a <= 0 or total <= 0) and (ac_bp - ab_bp) + (ab_cp - ac_cp) > 0:
        t = (ac_bp - ab_bp) / ((ac_bp - ab_bp) + (ab_cp - ac_cp))
        t = min(max(t, 0.0), 1.0)
        return 0.0, 1.0 - t, t
    if total <= 0:  # no area, and the corners that are left lie at one place
        return 1.0, 0.0, 0.0
    b, c = on_b / total, on_c / total
    return max(1.0 - b - c, 0.0), b, c
