"""Pages of the time tracker. What happens is decided in `services`; views speak HTTP only."""
